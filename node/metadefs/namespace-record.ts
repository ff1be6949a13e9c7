/**
 * A namespace of metadata definitions with everything inside: the value of one register, so that concurrent edits are
 * operations on one key and none is lost. Beside it each name has a register, which says whose it is (name-claims.ts).
 */

export const NAMESPACE_VISIBILITIES = ['public', 'private'] as const
export type NamespaceVisibility = (typeof NAMESPACE_VISIBILITIES)[number]

/** What a property may be, in the words of JSON schema, as it is shown: checked by the façade, never interpreted here. */
export type Definition = Readonly<Record<string, unknown>>

export interface MetadefProperty {
  name: string
  definition: Definition
}

interface Dated {
  name: string
  /** ISO-8601 with milliseconds: lists have the order in which things were made. */
  createdAt: string
  updatedAt: string
}

export interface MetadefObject extends Dated {
  description: string | null
  /** Names of properties. */
  required: string[]
  properties: MetadefProperty[]
}

export type MetadefTag = Dated

/** That the properties are for resources of a type, whose name it has. */
export interface Association extends Dated {
  prefix: string | null
  propertiesTarget: string | null
}

/** What a namespace has inside, each in the order in which it came. */
export interface NamespaceParts {
  properties: MetadefProperty[]
  objects: MetadefObject[]
  tags: MetadefTag[]
  associations: Association[]
}

export type PartKind = keyof NamespaceParts

/** What callers set of the namespace itself. */
export interface NamespaceFields {
  name: string
  displayName: string | null
  description: string | null
  visibility: NamespaceVisibility
  protected: boolean
  /** null: nobody's, and everybody sees it. */
  owner: string | null
}

export interface NamespaceRecord extends NamespaceFields, NamespaceParts {
  /** Lower-case UUID with dashes; never shown. */
  id: string
  /** The claim on its name: the name is this namespace's as long as the register of the name has it, too. */
  claim: string
  /** The claim on another name, which it is about to take; null: none. */
  renaming: string | null
  createdAt: string
  updatedAt: string
  deletedAt: null
}

/** Of a deleted namespace, or of an id that was given up before anything was made of it. */
export interface NamespaceTombstone {
  id: string
  /** ISO-8601. */
  deletedAt: string
}

/** Whose a name is, or is to be. */
export interface NameHolder {
  name: string
  /** Id of the namespace. */
  namespace: string
  /** 32 hex digits, never used twice. */
  claim: string
}

const NAMESPACE_PREFIX = 'metadef/'
const NAME_PREFIX = 'metadef-name/'

/** The register of a namespace. */
export function namespaceKey(id: string): string {
  return NAMESPACE_PREFIX + id
}

/** The register that says whose a name is. */
export function nameKey(name: string): string {
  return NAME_PREFIX + name
}

/** Whether a register belongs to the metadata definitions. */
export function isMetadefKey(key: string): boolean {
  return key.startsWith(NAMESPACE_PREFIX) || key.startsWith(NAME_PREFIX)
}

/** The name of a register of names, else null. */
export function nameOfKey(key: string): string | null {
  return key.startsWith(NAME_PREFIX) ? key.slice(NAME_PREFIX.length) : null
}

/** The namespace of a register, else null. */
export function namespaceIdOf(key: string): string | null {
  return key.startsWith(NAMESPACE_PREFIX) ? key.slice(NAMESPACE_PREFIX.length) : null
}

/** A name as it is compared. Capitals make no other tag, as Glance's documents say, and most of its databases do. */
export function comparedName(kind: PartKind, name: string): string {
  return kind === 'tags' ? name.toLowerCase() : name
}

/** Whether two names of a kind are the same. */
export function isSameName(kind: PartKind, left: string, right: string): boolean {
  return comparedName(kind, left) === comparedName(kind, right)
}
