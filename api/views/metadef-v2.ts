/** Metadata definitions as the API shows them. What is not set is not there. */
import { wholeSeconds } from '../../node/images/image-times.ts'
import type { NamespacePage } from '../../node/metadefs/metadef-service-port.ts'
import type { ResourceType } from '../../node/metadefs/metadef-requests.ts'
import type {
  Association,
  MetadefObject,
  MetadefProperty,
  MetadefTag,
  NamespaceRecord,
} from '../../node/metadefs/namespace-record.ts'
import { pageLink } from './page-link.ts'

const NAMESPACES_PATH = '/v2/metadefs/namespaces'
const SCHEMAS_PATH = '/v2/schemas/metadefs'

/** The path of a namespace, or of something below it. */
export function metadefPath(namespace: string, ...below: readonly string[]): string {
  return [NAMESPACES_PATH, ...[namespace, ...below].map(segment)].join('/')
}

/** Colons, of which names are full, stand in a path as they are. */
function segment(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}

/** The namespace without what is in it. */
export function namespaceView(namespace: NamespaceRecord): Record<string, unknown> {
  return {
    namespace: namespace.name,
    ...set({
      display_name: namespace.displayName,
      description: namespace.description,
      owner: namespace.owner,
    }),
    visibility: namespace.visibility,
    protected: namespace.protected,
    ...datesOf(namespace),
    self: metadefPath(namespace.name),
    schema: `${SCHEMAS_PATH}/namespace`,
  }
}

/** With all that is in it; `resourceType`: properties as resources of that type call them. */
export function wholeNamespaceView(namespace: NamespaceRecord, resourceType: string | null): object {
  const prefix = namespace.associations.find(({ name }) => name === resourceType)?.prefix ?? ''
  const prefixed = <T extends MetadefProperty>(properties: readonly T[]): MetadefProperty[] =>
    properties.map(({ name, definition }) => ({ name: prefix + name, definition }))
  const objects = namespace.objects.map((object) =>
    objectView(namespace.name, {
      ...object,
      properties: prefixed(object.properties),
      required: object.required.map((name) => prefix + name),
    }),
  )
  return {
    ...namespaceView(namespace),
    ...filled({
      objects,
      resource_type_associations: namespace.associations.map(associationView),
      // Those made last come first, as in the list of them.
      tags: namespace.tags.toReversed().map(tagNameView),
    }),
    ...(namespace.properties.length > 0 && { properties: definitionsView(prefixed(namespace.properties)) }),
  }
}

/** What was made, with the parts as they were given: `given` is the body. */
export function newNamespaceView(
  namespace: NamespaceRecord,
  given: Readonly<Record<string, unknown>>,
): object {
  const { name, objects, tags, associations, properties } = namespace
  const givenObjects = given['objects'] as Readonly<Record<string, unknown>>[] | undefined
  return {
    ...namespaceView(namespace),
    ...(givenObjects && {
      objects: objects.map((object, at) => bare(givenObjectView(name, object, givenObjects[at] ?? {}))),
    }),
    ...('tags' in given && { tags: tags.map(tagNameView) }),
    ...('resource_type_associations' in given && {
      resource_type_associations: associations.map((association) => bare(associationView(association))),
    }),
    ...('properties' in given && { properties: definitionsView(properties) }),
  }
}

export function namespacesView({ namespaces, more }: NamespacePage, query: URLSearchParams): object {
  const last = namespaces.at(-1)
  return {
    first: pageLink(NAMESPACES_PATH, query, null),
    ...(more && last && { next: pageLink(NAMESPACES_PATH, query, last.name) }),
    schema: `${SCHEMAS_PATH}/namespaces`,
    namespaces: namespaces.map((namespace) => ({
      ...namespaceView(namespace),
      ...filled({ resource_type_associations: namespace.associations.map(associationView) }),
    })),
  }
}

export function objectView(namespace: string, object: MetadefObject): Record<string, unknown> {
  return {
    name: object.name,
    ...set({ description: object.description }),
    required: object.required,
    properties: definitionsView(object.properties),
    ...datesOf(object),
    self: metadefPath(namespace, 'objects', object.name),
    schema: `${SCHEMAS_PATH}/object`,
  }
}

/** An object that was made or changed: what the body did not give is not there. */
export function givenObjectView(
  namespace: string,
  object: MetadefObject,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { required, properties, ...rest } = objectView(namespace, object)
  return { ...rest, ...('required' in given && { required }), ...('properties' in given && { properties }) }
}

export function objectsView(namespace: string, objects: readonly MetadefObject[]): object {
  return {
    objects: objects.map((object) => objectView(namespace, object)),
    schema: `${SCHEMAS_PATH}/objects`,
  }
}

export function propertyView({ name, definition }: MetadefProperty): object {
  return { ...definition, name }
}

export function definitionsView(properties: readonly MetadefProperty[]): object {
  return Object.fromEntries(properties.map(({ name, definition }) => [name, definition]))
}

export function tagView(tag: MetadefTag): object {
  return { name: tag.name, ...datesOf(tag) }
}

export function tagNameView({ name }: { name: string }): object {
  return { name }
}

export function associationView(association: Association): Record<string, unknown> {
  const { name, prefix, propertiesTarget } = association
  return { name, ...set({ prefix, properties_target: propertiesTarget }), ...datesOf(association) }
}

export function resourceTypesView(types: readonly ResourceType[]): object {
  return { resource_types: types.map((type) => ({ name: type.name, ...datesOf(type) })) }
}

/** As the operator's files have it: what can be given again to make it. */
export function contentView(namespace: NamespaceRecord): object {
  const {
    created_at: _made,
    updated_at: _changed,
    self: _self,
    schema: _schema,
    ...own
  } = namespaceView(namespace)
  return {
    ...own,
    resource_type_associations: namespace.associations.map((association) =>
      bare(associationView(association)),
    ),
    properties: definitionsView(namespace.properties),
    objects: namespace.objects.map((object) => bare(objectView(namespace.name, object))),
    tags: namespace.tags.map(tagNameView),
  }
}

/** Without what only the service sets. */
function bare(view: Readonly<Record<string, unknown>>): object {
  const { created_at: _made, updated_at: _changed, self: _self, schema: _schema, ...rest } = view
  return rest
}

function datesOf({ createdAt, updatedAt }: { createdAt: string; updatedAt: string }): object {
  return { created_at: wholeSeconds(createdAt), updated_at: wholeSeconds(updatedAt) }
}

function set(fields: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null),
  )
}

function filled(lists: Readonly<Record<string, readonly object[]>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0))
}
