/** Holds bodies to the schemas that the service publishes. Each is compiled when the first body comes for it. */
import { Ajv, type ValidateFunction } from 'ajv'
import { ImageError } from '../../../node/errors.ts'
import type { GlanceSchema } from '../../schemas/collection-schema.ts'
import { isObject } from '../json-object.ts'

/** Our schemas have words of their own in them, and formats are only told, as in Glance. */
const OPTIONS = { strict: false, validateFormats: false, logger: false } as const

const compiled = new WeakMap<GlanceSchema, ValidateFunction>()

/** Throws INVALID; FORBIDDEN for what only the service sets, one of `readOnly`. */
export function checkedBody(
  body: unknown,
  schema: GlanceSchema,
  readOnly: readonly string[] = [],
): Record<string, unknown> {
  if (!isObject(body)) throw new ImageError('INVALID', 'The body is not a JSON object.')
  for (const name of readOnly)
    if (Object.hasOwn(body, name)) throw new ImageError('FORBIDDEN', `Attribute '${name}' is read-only.`)
  let validate = compiled.get(schema)
  if (!validate) compiled.set(schema, (validate = new Ajv(OPTIONS).compile(schema)))
  if (validate(body)) return body
  const [error] = validate.errors ?? []
  const path = error?.instancePath ? `${error.instancePath.slice(1).replaceAll('/', '.')} ` : 'the body '
  throw new ImageError('INVALID', `Invalid ${schema.name}: ${path}${error?.message ?? 'is wrong'}.`)
}

export const NEVER_GIVEN = ['created_at', 'updated_at']
export const NEVER_GIVEN_LINKED = ['self', 'schema', ...NEVER_GIVEN]
