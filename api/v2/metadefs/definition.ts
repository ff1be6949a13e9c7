/**
 * The definition of a property. What Glance's schema lets through is read by it into typed fields, and what does not fit
 * there ends as a 500; here it is told what is wrong. A default becomes a text, as clients of Glance are used to.
 */
import { ImageError } from '../../../node/errors.ts'
import type { Definition, MetadefProperty } from '../../../node/metadefs/namespace-record.ts'
import { isObject, UNSAFE_NAME } from '../json-object.ts'

/** Names of namespaces and of what is in them, characters: as wide as the columns of Glance's database. */
export const NAME_LENGTH_MAX = 80

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isFlag: Check = (value) => typeof value === 'boolean'
const isNumber: Check = (value) => typeof value === 'number'
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText)
const isItems: Check = (value) =>
  isObject(value) &&
  isText(value['type']) &&
  Object.entries(value).every(([name, inner]) => name === 'type' || (name === 'enum' && isTexts(inner)))

const FIELDS: ReadonlyMap<string, Check> = new Map([
  ['name', isText],
  ['type', isText],
  ['title', isText],
  ['description', isText],
  ['operators', isTexts],
  ['default', () => true],
  ['readonly', isFlag],
  ['minimum', isNumber],
  ['maximum', isNumber],
  ['enum', isTexts],
  ['pattern', isText],
  ['minLength', isNumber],
  ['maxLength', isNumber],
  ['confidential', isFlag],
  ['items', isItems],
  ['uniqueItems', isFlag],
  ['minItems', isNumber],
  ['maxItems', isNumber],
  ['additionalItems', isFlag],
])

/** `value` has passed the schema. Throws INVALID. */
export function parseDefinition(property: string, value: Readonly<Record<string, unknown>>): Definition {
  for (const [name, inner] of Object.entries(value)) {
    const check = FIELDS.get(name)
    if (!check) throw new ImageError('INVALID', `Property ${property}: there is no attribute '${name}'.`)
    if (!check(inner)) throw new ImageError('INVALID', `Property ${property}: '${name}' has a wrong value.`)
  }
  return 'default' in value ? { ...value, default: defaultText(value['default']) } : value
}

/** As Glance shows them: numbers and flags as Python writes them, and nothing of what has parts. */
function defaultText(value: unknown): string | null {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}

/** Definitions by name, each checked. Throws INVALID. */
export function parseDefinitions(value: unknown): MetadefProperty[] {
  if (!isObject(value)) return []
  return Object.entries(value).map(([name, definition]) => ({
    name: checkedName('property', name),
    definition: parseDefinition(name, isObject(definition) ? definition : {}),
  }))
}

/** Throws INVALID. */
export function checkedName(what: string, name: string): string {
  if (name !== '' && name !== UNSAFE_NAME && name.length <= NAME_LENGTH_MAX) return name
  throw new ImageError(
    'INVALID',
    `The name of a ${what} has 1 to ${NAME_LENGTH_MAX} characters and is not '${UNSAFE_NAME}'.`,
  )
}
