/** The body of `POST /v2/images`. */
import { ImageError } from '../../node/errors.ts'
import type { ImageDraft } from '../../node/images/image-requests.ts'
import type { UserFieldRules } from './image-fields.ts'
import { checkPropertyName, checkPropertyValue, isUuid, refuseServerField } from './image-fields.ts'
import { isObject } from './json-object.ts'

/** Throws INVALID for wrong forms and values, FORBIDDEN for attributes that only the service sets. */
export function parseImageDraft(body: unknown, rules: UserFieldRules): ImageDraft {
  if (!isObject(body)) throw new ImageError('INVALID', 'The body is not a JSON object.')
  const draft: ImageDraft = {}
  const properties: Record<string, string | null> = {}
  for (const [name, value] of Object.entries(body)) {
    const rule = rules.get(name)
    if (rule) {
      Object.assign(draft, { [rule.field]: rule.check(value) })
    } else if (name === 'id') {
      draft.id = checkId(value)
    } else {
      refuseServerField(name)
      checkPropertyName(name)
      properties[name] = checkPropertyValue(name, value)
    }
  }
  return { ...draft, properties }
}

function checkId(value: unknown): string {
  if (typeof value === 'string' && isUuid(value)) return value.toLowerCase()
  throw new ImageError('INVALID', "Attribute 'id' takes a UUID.")
}
