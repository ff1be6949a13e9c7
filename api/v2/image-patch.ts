/**
 * The body of `PATCH /v2/images/{id}`, in Glance's two dialects of JSON patch. v2.1 follows the RFC's shape
 * (`{"op":"add","path":"/x","value":1}`), v2.0 an early draft (`{"add":"/x","value":1}`), in which adding what is there
 * already is a conflict: a base field always is.
 */
import { ImageError } from '../../node/errors.ts'
import type { ImageChange } from '../../node/images/image-requests.ts'
import { HttpError } from '../errors.ts'
import type { UserFieldRules } from './image-fields.ts'
import { checkPropertyName, checkPropertyValue, refuseServerField } from './image-fields.ts'
import { isObject } from './json-object.ts'
import { parsePointer } from './json-pointer.ts'
import { locationChange } from './location-body.ts'

/** All of a patch is applied inside the image's register; nobody has this many fields to change. */
export const PATCH_OPERATIONS_MAX = 1000

const VERBS = ['add', 'replace', 'remove'] as const
type Verb = (typeof VERBS)[number]

interface Operation {
  verb: Verb
  /** Unescaped segments, at least one. */
  path: string[]
  value: unknown
}

type PatchObject = Record<string, unknown>

/** How one media type writes an operation, and what it makes of adding a property that is there. */
interface PatchDialect {
  ifPresent: 'overwrite' | 'conflict'
  read(item: PatchObject): Operation
}

const DIALECTS: ReadonlyMap<string, PatchDialect> = new Map([
  ['application/openstack-images-v2.0-json-patch', { ifPresent: 'conflict', read: readV20 }],
  ['application/openstack-images-v2.1-json-patch', { ifPresent: 'overwrite', read: readV21 }],
])

/** Throws UNSUPPORTED_PATCH (415) for any other type, `application/json-patch+json` included. */
export function patchDialect(mediaType: string): PatchDialect {
  const dialect = DIALECTS.get(mediaType)
  if (dialect) return dialect
  const accepted = [...DIALECTS.keys()].join(', ')
  throw new HttpError('UNSUPPORTED_PATCH', `A patch has one of the types ${accepted}.`, {
    'accept-patch': accepted,
  })
}

/** The changes asked for, in order. Throws INVALID for wrong forms and values, FORBIDDEN for what only the service sets. */
export function parseImagePatch(dialect: PatchDialect, body: unknown, rules: UserFieldRules): ImageChange[] {
  if (!Array.isArray(body)) throw new ImageError('INVALID', 'A patch is a list of operations.')
  if (body.length > PATCH_OPERATIONS_MAX) {
    throw new ImageError('INVALID', `A patch has at most ${PATCH_OPERATIONS_MAX} operations.`)
  }
  return body.map((item: unknown) => toChange(dialect.read(asObject(item)), dialect.ifPresent, rules))
}

function asObject(item: unknown): PatchObject {
  if (isObject(item)) return item
  throw new ImageError('INVALID', 'Each operation of a patch is an object.')
}

function readV20(item: PatchObject): Operation {
  const verbs = VERBS.filter((verb) => Object.hasOwn(item, verb))
  const [verb] = verbs
  if (verb === undefined || verbs.length > 1) {
    throw new ImageError('INVALID', `An operation has exactly one member of: ${VERBS.join(', ')}.`)
  }
  return { verb, path: parsePointer(item[verb]), value: valueOf(item, verb) }
}

function readV21(item: PatchObject): Operation {
  const verb = VERBS.find((candidate) => candidate === item['op'])
  if (verb === undefined) throw new ImageError('INVALID', `The member 'op' is one of: ${VERBS.join(', ')}.`)
  return { verb, path: parsePointer(item['path']), value: valueOf(item, verb) }
}

function valueOf(item: PatchObject, verb: Verb): unknown {
  if (verb === 'remove' || Object.hasOwn(item, 'value')) return item['value']
  throw new ImageError('INVALID', `The operation '${verb}' needs a value.`)
}

function toChange(
  { verb, path, value }: Operation,
  ifPresent: PatchDialect['ifPresent'],
  rules: UserFieldRules,
): ImageChange {
  const [name = '', ...rest] = path
  if (name === 'locations') return locationChange(verb, rest, value)
  refuseTarget(name, verb)
  if (path.length > 1) throw new ImageError('INVALID', `The path under '${name}' is too deep.`)
  const rule = rules.get(name)
  if (rule && verb === 'remove') throw new ImageError('FORBIDDEN', `Attribute '${name}' may not be removed.`)
  if (rule) {
    const set = { kind: 'set', field: rule.field, value: rule.check(value) } as const
    return verb === 'add' && ifPresent === 'conflict' ? { ...set, ifPresent } : set
  }
  checkPropertyName(name)
  if (verb === 'remove') return { kind: 'property', op: verb, name, ifPresent }
  return { kind: 'property', op: verb, name, value: checkPropertyValue(name, value), ifPresent }
}

/** Nobody has a property `stores`, so to replace or remove it is a conflict like with any absent property (as in Glance). */
function refuseTarget(name: string, verb: Verb): void {
  if (name === 'id') throw new ImageError('FORBIDDEN', "Attribute 'id' is read-only.")
  if (name === 'stores' && verb !== 'add') return
  refuseServerField(name)
}
