/** What callers hand to the metadata definitions service. The façade parses into these shapes. */
import type { Association, MetadefObject, NamespaceFields, NamespaceParts } from './namespace-record.ts'

type Undated<T> = Omit<T, 'createdAt' | 'updatedAt'>

/** A part that is to be; what the service adds is when. */
export interface PartDrafts {
  properties: NamespaceParts['properties'][number]
  objects: Undated<MetadefObject>
  tags: { name: string }
  associations: Undated<Association>
}

/** A namespace as a caller wants it. What is undefined takes its default. */
export interface NamespaceChange extends Pick<NamespaceFields, 'name' | 'displayName' | 'description'> {
  visibility: NamespaceFields['visibility'] | undefined
  protected: boolean | undefined
  owner: string | undefined
}

export interface NamespaceDraft extends NamespaceChange {
  properties: PartDrafts['properties'][]
  objects: PartDrafts['objects'][]
  tags: PartDrafts['tags'][]
  associations: PartDrafts['associations'][]
}

export const NAMESPACE_SORT_KEYS = [
  'createdAt',
  'updatedAt',
  'id',
  'name',
  'displayName',
  'description',
  'visibility',
  'protected',
  'owner',
] as const
export const TAG_SORT_KEYS = ['createdAt', 'updatedAt', 'id', 'name'] as const

/** Where a page begins and in which order it goes. `null` limit: to the end. */
export interface Paging<Key extends string> {
  limit: number | null
  /** Name of the last one of the page before. */
  marker: string | null
  sortKey: Key
  direction: 'asc' | 'desc'
}

export type TagQuery = Paging<(typeof TAG_SORT_KEYS)[number]>

export interface NamespaceQuery extends Paging<(typeof NAMESPACE_SORT_KEYS)[number]> {
  /** null = any; a text that is no visibility finds nothing. */
  visibility: string | null
  /** Associated with one of these; null = with any or none. */
  resourceTypes: readonly string[] | null
}

/** A type of resources that some namespace is associated with. */
export interface ResourceType {
  name: string
  createdAt: string
  updatedAt: string
}
