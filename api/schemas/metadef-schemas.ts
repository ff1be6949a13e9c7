/**
 * The schemas of the metadata definitions: what clients build their models from, and what bodies are held to. Names, types
 * and limits are API; texts are ours.
 */
import { collectionSchema, type GlanceSchema } from './collection-schema.ts'

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string', null]
const text = { type: 'string' }
const flag = { type: 'boolean' }
const anyList = { type: 'array' }
const count = { $ref: '#/definitions/positiveInteger' }
const countFromZero = { $ref: '#/definitions/positiveIntegerDefault0' }
const name = { type: 'string', maxLength: 80 }

const DEFINITION_PROPERTIES = {
  name,
  title: text,
  description: text,
  operators: { type: 'array', items: text },
  type: { type: 'string', enum: TYPES },
  required: { $ref: '#/definitions/stringArray' },
  minimum: { type: 'number' },
  maximum: { type: 'number' },
  maxLength: count,
  minLength: countFromZero,
  pattern: { type: 'string', format: 'regex' },
  enum: anyList,
  readonly: flag,
  default: {},
  items: { type: 'object', properties: { type: { type: 'string', enum: TYPES }, enum: anyList } },
  maxItems: count,
  minItems: countFromZero,
  uniqueItems: { type: 'boolean', default: false },
  additionalItems: flag,
}

const stringArray = { type: 'array', items: text, uniqueItems: true }
const COUNTS = {
  positiveInteger: { type: 'integer', minimum: 0 },
  positiveIntegerDefault0: { allOf: [count, { default: 0 }] },
}
const DEFINITIONS = {
  ...COUNTS,
  stringArray,
  property: {
    type: 'object',
    additionalProperties: {
      type: 'object',
      required: ['title', 'type'],
      properties: DEFINITION_PROPERTIES,
    },
  },
}

const readOnlyText = { type: 'string', readOnly: true }
const time = (what: string) => ({ ...readOnlyText, description: what, format: 'date-time' })
const times = (what: string) => ({
  created_at: time(`When the ${what} was made`),
  updated_at: time(`When the ${what} was last changed`),
})
const links = { schema: readOnlyText, self: readOnlyText }

/** Of any object; items of lists inside a namespace may have more than is named. */
const inside = (properties: object) => ({ type: 'array', items: { type: 'object', properties } })

export const namespaceSchema: GlanceSchema = {
  name: 'namespace',
  properties: {
    namespace: { ...name, description: 'Name of the namespace; there is no other of that name' },
    display_name: { ...name, description: 'Name for people' },
    description: { type: 'string', maxLength: 500, description: 'What it is about, for people' },
    visibility: { type: 'string', enum: ['public', 'private'], description: 'Who may see it' },
    protected: { ...flag, description: 'Whether it is safe from deletion' },
    owner: { type: 'string', maxLength: 255, description: 'Project that owns it' },
    ...times('namespace'),
    ...links,
    resource_type_associations: inside({ name: text, prefix: text, properties_target: text }),
    properties: { $ref: '#/definitions/property' },
    objects: inside({
      name: text,
      description: text,
      required: { $ref: '#/definitions/stringArray' },
      properties: { $ref: '#/definitions/property' },
    }),
    tags: inside({ name: text }),
  },
  additionalProperties: false,
  definitions: DEFINITIONS,
  required: ['namespace'],
}

export const objectSchema: GlanceSchema = {
  name: 'object',
  properties: {
    name,
    description: text,
    required: { $ref: '#/definitions/stringArray' },
    properties: { $ref: '#/definitions/property' },
    ...links,
    ...times('object'),
  },
  additionalProperties: false,
  definitions: DEFINITIONS,
  required: ['name'],
}

/** Of a property without its name, which is a key then. */
export const definitionSchema: GlanceSchema = {
  name: 'property',
  properties: DEFINITION_PROPERTIES,
  additionalProperties: false,
  definitions: { ...COUNTS, stringArray: { ...stringArray, minItems: 1 } },
  required: ['type', 'title'],
}

export const propertySchema: GlanceSchema = { ...definitionSchema, required: ['type', 'title', 'name'] }

export const tagSchema: GlanceSchema = {
  name: 'tag',
  properties: { name, ...times('tag') },
  additionalProperties: false,
  required: ['name'],
}

/** What all tags of a namespace are set to. */
export const tagsBodySchema: GlanceSchema = {
  name: 'tags',
  properties: {
    tags: {
      type: 'array',
      items: { type: 'object', properties: { name: text }, required: ['name'], additionalProperties: false },
    },
  },
  additionalProperties: false,
}

export const associationSchema: GlanceSchema = {
  name: 'resource_type_association',
  properties: {
    name: { ...name, description: 'Name of a type of resources, as Heat calls it' },
    prefix: { ...name, description: 'What stands before the names of properties of such a resource' },
    properties_target: {
      ...name,
      description: 'Which of several sets of properties of such a resource is meant',
    },
    ...times('association'),
  },
  additionalProperties: false,
  required: ['name'],
}

/** By the last part of their path. */
export const METADEF_SCHEMAS: Readonly<Record<string, GlanceSchema>> = {
  namespace: namespaceSchema,
  namespaces: listOf('namespaces', namespaceSchema),
  object: objectSchema,
  objects: listOf('objects', objectSchema),
  property: propertySchema,
  properties: mapOf('properties', definitionSchema),
  tag: tagSchema,
  tags: listOf('tags', tagSchema),
  resource_type: associationSchema,
  resource_types: listOf('resource_type_associations', associationSchema),
}

/** What the items refer to stands outside. */
function listOf(plural: string, { definitions, ...item }: GlanceSchema): GlanceSchema {
  return { ...collectionSchema(plural, item, { paged: true }), ...(definitions && { definitions }) }
}

function mapOf(plural: string, { definitions, ...item }: GlanceSchema): GlanceSchema {
  const list = collectionSchema(plural, item, { paged: true })
  const map = { type: 'object', additionalProperties: item }
  return { ...list, properties: { ...list.properties, [plural]: map }, ...(definitions && { definitions }) }
}
