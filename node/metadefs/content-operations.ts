/**
 * What the operator does to a whole namespace with a file of definitions (`serac metadefs load`): one operation a file, so
 * that nobody ever sees half of it. What would change nothing is no change.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Timed } from '../images/image-decisions.ts'
import { changed, onNamespace, tombstoneOf, touched, writeNamespace } from './namespace-decisions.ts'
import {
  isSameName,
  type NamespaceFields,
  type NamespaceParts,
  type NamespaceRecord,
  type PartKind,
} from './namespace-record.ts'

export const PART_KINDS = ['properties', 'objects', 'tags', 'associations'] as const satisfies PartKind[]

export type NamespaceContent = NamespaceFields & NamespaceParts

/**
 * What becomes of what is there already: `merge` adds what is missing, `prefer-new` changes what is there as well,
 * `overwrite` leaves nothing else.
 */
export type MergeMode = 'merge' | 'prefer-new' | 'overwrite'

export interface MergeContentArgs extends Timed {
  content: NamespaceContent
  mode: MergeMode
}

export interface DiscardArgs extends Timed {
  name: string
}

const merge = onNamespace<MergeContentArgs>((namespace, { content, mode, now }) => {
  // Renamed since it was looked up.
  if (namespace.name !== content.name) return changed()
  const next = { ...namespace, ...(mode === 'merge' ? {} : fieldsOf(content)) }
  for (const kind of PART_KINDS)
    Object.assign(next, { [kind]: mergeParts(namespace, content, kind, { mode, now }) })
  return isDeepStrictEqual(next, namespace) ? { kind: 'keep' } : writeNamespace(touched(next, now))
})

/** Whatever protects it: the operator says so. */
const discard = onNamespace<DiscardArgs>(({ id, name: current }, { name, now }) =>
  current === name ? { kind: 'write', next: { live: false, record: tombstoneOf(id, now) } } : changed(),
)

export const contentOperations = { 'metadef.merge-content': merge, 'metadef.discard': discard }

export interface ContentOperationArgs {
  'metadef.merge-content': MergeContentArgs
  'metadef.discard': DiscardArgs
}

/** All but the name, by which it was looked up. */
function fieldsOf(content: NamespaceContent): Omit<NamespaceFields, 'name'> {
  const { displayName, description, visibility, protected: isProtected, owner } = content
  return { displayName, description, visibility, protected: isProtected, owner }
}

function mergeParts<Kind extends PartKind>(
  namespace: NamespaceRecord,
  content: NamespaceContent,
  kind: Kind,
  { mode, now }: { mode: MergeMode; now: string },
): NamespaceParts[Kind][number][] {
  type Part = NamespaceParts[Kind][number]
  const old: readonly Part[] = namespace[kind]
  const wanted: readonly Part[] = content[kind]
  const like = (parts: readonly Part[], { name }: Part) =>
    parts.find((part) => isSameName(kind, part.name, name))
  /** With the dates of the one that is there. */
  const newer = (before: Part, part: Part): Part => {
    if (!('createdAt' in before)) return part
    const { createdAt, updatedAt } = before
    const next = { ...part, createdAt, updatedAt }
    return isDeepStrictEqual(next, before) ? before : touched(next, now)
  }
  if (mode === 'overwrite')
    return wanted.map((part) => {
      const before = like(old, part)
      return before ? newer(before, part) : part
    })
  const kept = old.map((before) => {
    const part = mode === 'prefer-new' ? like(wanted, before) : undefined
    return part ? newer(before, part) : before
  })
  return [...kept, ...wanted.filter((part) => !like(old, part))]
}
