/** What the façade asks of the metadata definitions: each as a caller may see and do it. */
import type { Answer, Caller } from '../images/image-requests.ts'
import type {
  NamespaceChange,
  NamespaceDraft,
  NamespaceQuery,
  PartDrafts,
  ResourceType,
  TagQuery,
} from './metadef-requests.ts'
import type { MetadefTag, NamespaceParts, NamespaceRecord, PartKind } from './namespace-record.ts'

export interface NamespacePage {
  namespaces: NamespaceRecord[]
  /** Whether the page is full, so that another may follow. */
  more: boolean
}

/** Kinds of parts that can be changed in place. */
export type ChangeableKind = Exclude<PartKind, 'associations'>

export interface MetadefServicePort {
  namespaces(caller: Caller, query: NamespaceQuery): Promise<Answer<NamespacePage>>
  namespace(caller: Caller, name: string): Promise<Answer<NamespaceRecord>>
  createNamespace(caller: Caller, draft: NamespaceDraft): Promise<NamespaceRecord>
  /** What `change` leaves out is set back to its default. */
  updateNamespace(caller: Caller, name: string, change: NamespaceChange): Promise<NamespaceRecord>
  removeNamespace(caller: Caller, name: string): Promise<void>

  parts<Kind extends PartKind>(
    caller: Caller,
    name: string,
    kind: Kind,
  ): Promise<Answer<NamespaceParts[Kind]>>
  tags(caller: Caller, name: string, query: TagQuery): Promise<Answer<MetadefTag[]>>
  part<Kind extends ChangeableKind>(
    caller: Caller,
    name: string,
    kind: Kind,
    part: string,
  ): Promise<Answer<NamespaceParts[Kind][number]>>
  /** A property by its name with the prefix of the association with `resourceType`. */
  prefixedProperty(
    caller: Caller,
    name: string,
    property: string,
    resourceType: string,
  ): Promise<Answer<NamespaceParts['properties'][number]>>
  addPart<Kind extends PartKind>(
    caller: Caller,
    name: string,
    kind: Kind,
    draft: PartDrafts[Kind],
  ): Promise<NamespaceParts[Kind][number]>
  replacePart<Kind extends ChangeableKind>(
    caller: Caller,
    name: string,
    kind: Kind,
    part: string,
    draft: PartDrafts[Kind],
  ): Promise<NamespaceParts[Kind][number]>
  removePart(caller: Caller, name: string, kind: PartKind, part: string): Promise<void>
  removeParts(caller: Caller, name: string, kind: ChangeableKind): Promise<void>
  /** All tags at once; `append`: beside those that are there. */
  setTags(caller: Caller, name: string, tags: readonly PartDrafts['tags'][], append: boolean): Promise<void>

  /** Every type that some namespace is associated with. */
  resourceTypes(caller: Caller): Promise<Answer<ResourceType[]>>
}
