/**
 * What may happen to the parts of a namespace: properties, objects, tags, associations with resource types. The namespace's
 * own times stay as they are, as in Glance.
 */
import type { Decision } from '../../cluster/register/operations.ts'
import { refuse } from '../images/image-decisions.ts'
import {
  onGrantedNamespace,
  refuseIfProtected,
  touched,
  writeNamespace,
  type GrantedArgs,
} from './namespace-decisions.ts'
import {
  comparedName,
  isSameName,
  type MetadefTag,
  type NamespaceParts,
  type NamespaceRecord,
  type PartKind,
} from './namespace-record.ts'

/** A part of any kind. Of one that changes, the time of creation does not count. */
export type PartArgs = {
  [Kind in PartKind]: { kind: Kind; part: NamespaceParts[Kind][number] }
}[PartKind]

export type AddPartArgs = GrantedArgs & PartArgs
/** `name`: as it is called so far. */
export type ReplacePartArgs = GrantedArgs & PartArgs & { name: string }

export interface RemovePartArgs extends GrantedArgs {
  kind: PartKind
  name: string
}

export interface RemovePartsArgs extends GrantedArgs {
  kind: PartKind
}

export interface SetTagsArgs extends GrantedArgs {
  tags: MetadefTag[]
  /** Those that are there stay. */
  append: boolean
}

/** What people call one of a kind. */
const CALLED: Readonly<Record<PartKind, string>> = {
  properties: 'property',
  objects: 'object',
  tags: 'tag',
  associations: 'resource type association',
}

const add = onGrantedNamespace<AddPartArgs>((namespace, { kind, part }) =>
  indexOf(namespace, kind, part.name) < 0
    ? writeNamespace({ ...namespace, [kind]: [...namespace[kind], part] })
    : refuseTwice(namespace, kind, part.name),
)

const replace = onGrantedNamespace<ReplacePartArgs>((namespace, { kind, name, part, now }) => {
  const at = indexOf(namespace, kind, name)
  if (at < 0) return refuseUnknown(namespace, kind, name)
  const other = indexOf(namespace, kind, part.name)
  if (other >= 0 && other !== at) return refuseTwice(namespace, kind, part.name)
  const before = namespace[kind][at]
  const next = before && 'createdAt' in before ? { ...touched(before, now), ...undated(part) } : part
  return writeNamespace({ ...namespace, [kind]: namespace[kind].with(at, next as never) })
})

const remove = onGrantedNamespace<RemovePartArgs>((namespace, { kind, name }) => {
  const at = indexOf(namespace, kind, name)
  if (at < 0) return refuseUnknown(namespace, kind, name)
  return (
    refuseIfProtected(namespace) ??
    writeNamespace({ ...namespace, [kind]: namespace[kind].toSpliced(at, 1) as never })
  )
})

const removeAll = onGrantedNamespace<RemovePartsArgs>(
  (namespace, { kind }) => refuseIfProtected(namespace) ?? writeNamespace({ ...namespace, [kind]: [] }),
)

/** No tag of them is left out, and none is there twice. */
const setTags = onGrantedNamespace<SetTagsArgs>((namespace, { tags, append }) => {
  // As in Glance: nothing instead of what is there would be a deletion, for which there is another request.
  if (tags.length === 0) return { kind: 'keep' }
  const all = append ? [...namespace.tags, ...tags] : tags
  const twice = firstTwice('tags', all)
  return twice === null ? writeNamespace({ ...namespace, tags: all }) : refuseTwice(namespace, 'tags', twice)
})

export const partOperations = {
  'metadef.add-part': add,
  'metadef.replace-part': replace,
  'metadef.remove-part': remove,
  'metadef.remove-parts': removeAll,
  'metadef.set-tags': setTags,
}

export interface PartOperationArgs {
  'metadef.add-part': AddPartArgs
  'metadef.replace-part': ReplacePartArgs
  'metadef.remove-part': RemovePartArgs
  'metadef.remove-parts': RemovePartsArgs
  'metadef.set-tags': SetTagsArgs
}

/** A name that two of them have, or null. */
export function firstTwice(kind: PartKind, parts: readonly { name: string }[]): string | null {
  const seen = new Set<string>()
  for (const { name } of parts) {
    const compared = comparedName(kind, name)
    if (seen.has(compared)) return name
    seen.add(compared)
  }
  return null
}

/** For people: two of one name. */
export function twiceText(namespace: string, kind: PartKind, name: string): string {
  const hint = kind === 'tags' ? ' Capitals make no other tag.' : ''
  return `The namespace ${namespace} already has the ${CALLED[kind]} ${name}.${hint}`
}

export function unknownText(namespace: string, kind: PartKind, name: string): string {
  return `The namespace ${namespace} has no ${CALLED[kind]} ${name}.`
}

function indexOf(namespace: NamespaceRecord, kind: PartKind, name: string): number {
  return namespace[kind].findIndex((part) => isSameName(kind, part.name, name))
}

function refuseTwice({ name: namespace }: NamespaceRecord, kind: PartKind, name: string): Decision {
  return refuse('CONFLICT', twiceText(namespace, kind, name))
}

function refuseUnknown({ name: namespace }: NamespaceRecord, kind: PartKind, name: string): Decision {
  return refuse('NOT_FOUND', unknownText(namespace, kind, name))
}

function undated(part: PartArgs['part']): object {
  const { createdAt: _created, updatedAt: _updated, ...rest } = { createdAt: '', updatedAt: '', ...part }
  return rest
}
