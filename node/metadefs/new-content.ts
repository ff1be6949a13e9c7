/** A namespace to be, from what was asked for: with its defaults, and dated. */
import type { NamespaceContent } from './content-operations.ts'
import type { NamespaceChange, NamespaceDraft } from './metadef-requests.ts'
import type { NamespaceFields } from './namespace-record.ts'

export function newContent(draft: NamespaceDraft, owner: string | null, now: string): NamespaceContent {
  return {
    ...newFields(draft, owner),
    properties: draft.properties,
    objects: draft.objects.map((object) => dated(object, now)),
    tags: draft.tags.map((tag) => dated(tag, now)),
    associations: draft.associations.map((association) => dated(association, now)),
  }
}

/** `owner`: whose it is where nobody is named. */
export function newFields(change: NamespaceChange, owner: string | null): NamespaceFields {
  return {
    name: change.name,
    displayName: change.displayName,
    description: change.description,
    visibility: change.visibility ?? 'private',
    protected: change.protected ?? false,
    owner: change.owner ?? owner,
  }
}

export function dated<T extends object>(part: T, now: string): T & { createdAt: string; updatedAt: string } {
  return { ...part, createdAt: now, updatedAt: now }
}
