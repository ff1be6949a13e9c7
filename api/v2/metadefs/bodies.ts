/** The bodies of requests about metadata definitions. */
import { ImageError } from '../../../node/errors.ts'
import type { NamespaceChange, NamespaceDraft, PartDrafts } from '../../../node/metadefs/metadef-requests.ts'
import type { NamespaceVisibility } from '../../../node/metadefs/namespace-record.ts'
import type { GlanceSchema } from '../../schemas/collection-schema.ts'
import {
  associationSchema,
  definitionSchema,
  namespaceSchema,
  objectSchema,
  propertySchema,
  tagsBodySchema,
  tagSchema,
} from '../../schemas/metadef-schemas.ts'
import { isObject } from '../json-object.ts'
import { checkedName, parseDefinition, parseDefinitions } from './definition.ts'
import { checkedBody, NEVER_GIVEN, NEVER_GIVEN_LINKED } from './schema-check.ts'

type Json = Readonly<Record<string, unknown>>

/** What a file of definitions may hold beside what a body may: an export of a service, as it shows itself. */
const SHOWN_INSIDE = new Set(NEVER_GIVEN_LINKED)

export function parseNamespace(body: unknown): NamespaceDraft {
  const namespace = checkedBody(body, namespaceSchema, NEVER_GIVEN_LINKED)
  return {
    ...changeIn(namespace),
    properties: parseDefinitions(namespace['properties']),
    objects: itemsOf(namespace, 'objects', objectSchema).map(objectIn),
    tags: itemsOf(namespace, 'tags', tagSchema).map(tagIn),
    associations: itemsOf(namespace, 'resource_type_associations', associationSchema).map(associationIn),
  }
}

/** Parts in the body of a change are left alone, as in Glance. */
export function parseNamespaceChange(body: unknown): NamespaceChange {
  return changeIn(checkedBody(body, namespaceSchema, NEVER_GIVEN_LINKED))
}

/** A new one is held to more than one that changes: nothing in a definition that a single property may not have. */
export function parseObject(body: unknown, { isNew }: { isNew: boolean }): PartDrafts['objects'] {
  const object = checkedBody(body, objectSchema, NEVER_GIVEN_LINKED)
  if (isNew && isObject(object['properties']))
    for (const definition of Object.values(object['properties'])) checkedBody(definition, definitionSchema)
  return objectIn(object)
}

export function parseProperty(body: unknown): PartDrafts['properties'] {
  const property = checkedBody(body, propertySchema, NEVER_GIVEN)
  const name = nameIn('property', property)
  return { name, definition: parseDefinition(name, property) }
}

export function parseTag(body: unknown): PartDrafts['tags'] {
  return tagIn(checkedBody(body, tagSchema, NEVER_GIVEN))
}

/** The name of a tag in a path. */
export function newTag(name: string): PartDrafts['tags'] {
  return parseTag({ name })
}

export function parseTags(body: unknown): PartDrafts['tags'][] {
  const { tags } = checkedBody(body, tagsBodySchema, NEVER_GIVEN)
  if (!Array.isArray(tags))
    throw new ImageError('INVALID', 'Expected tags in the form: {"tags": [{"name": "x"}]}')
  return (tags as Json[]).map(tagIn)
}

export function parseAssociation(body: unknown): PartDrafts['associations'] {
  return associationIn(checkedBody(body, associationSchema, NEVER_GIVEN))
}

function changeIn(namespace: Json): NamespaceChange {
  const visibility = namespace['visibility'] as NamespaceVisibility | undefined
  const isProtected = namespace['protected'] as boolean | undefined
  const owner = textIn(namespace, 'owner')
  return {
    name: checkedName('namespace', String(namespace['namespace'])),
    displayName: textIn(namespace, 'display_name'),
    description: textIn(namespace, 'description'),
    visibility,
    protected: isProtected,
    owner: owner === null || owner === '' ? undefined : owner,
  }
}

/** Inside a namespace anything may stand by the schema; here nothing that would be dropped without a word. */
function itemsOf(namespace: Json, name: string, schema: GlanceSchema): Json[] {
  const items = (namespace[name] ?? []) as Json[]
  for (const item of items)
    for (const key of Object.keys(item))
      if (!Object.hasOwn(schema.properties, key) && !SHOWN_INSIDE.has(key))
        throw new ImageError('INVALID', `Invalid namespace: ${name} have no attribute '${key}'.`)
  return items
}

function objectIn(object: Json): PartDrafts['objects'] {
  return {
    name: nameIn('object', object),
    description: textIn(object, 'description'),
    required: (object['required'] ?? []) as string[],
    properties: parseDefinitions(object['properties']),
  }
}

function tagIn(tag: Json): PartDrafts['tags'] {
  return { name: nameIn('tag', tag) }
}

function associationIn(association: Json): PartDrafts['associations'] {
  return {
    name: nameIn('resource type', association),
    prefix: textIn(association, 'prefix'),
    propertiesTarget: textIn(association, 'properties_target'),
  }
}

function nameIn(what: string, part: Json): string {
  const { name } = part
  return checkedName(what, typeof name === 'string' ? name : '')
}

function textIn(part: Json, name: string): string | null {
  const value = part[name]
  return typeof value === 'string' ? value : null
}
