/** Short words for JSON schemas of the operator API. Whatever is named in an object is always there, unless `optional`. */

export type Schema = Readonly<Record<string, unknown>>

export const text = (description?: string): Schema => ({
  type: 'string',
  ...(description && { description }),
})
export const number = (description?: string): Schema => ({
  type: 'number',
  ...(description && { description }),
})
export const integer = (description?: string): Schema => ({
  type: 'integer',
  ...(description && { description }),
})
export const flag = (description?: string): Schema => ({
  type: 'boolean',
  ...(description && { description }),
})
export const time: Schema = { type: 'string', format: 'date-time' }
export const nodeId = text('Id of a node: its libp2p PeerId.')

export function oneOf(values: readonly string[], description?: string): Schema {
  return { type: 'string', enum: [...values], ...(description && { description }) }
}

export function listOf(items: Schema, description?: string): Schema {
  return { type: 'array', items, ...(description && { description }) }
}

export function mapOf(values: Schema, description?: string): Schema {
  return { type: 'object', additionalProperties: values, ...(description && { description }) }
}

export function orNull(schema: Schema, description?: string): Schema {
  const { type } = schema
  const nullable = typeof type === 'string' && !('enum' in schema)
  const base = nullable ? { ...schema, type: [type, 'null'] } : { anyOf: [schema, { type: 'null' }] }
  return { ...base, ...(description && { description }) }
}

export function object(
  properties: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): Schema {
  return { type: 'object', properties: { ...properties, ...optional }, required: Object.keys(properties) }
}

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}
