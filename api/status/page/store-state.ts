/** Whether a store can be used, by what the nodes say of it. */
import type { ClusterStatus, NodeStatus } from '../../../node/status/status-types.ts'
import type { Tone } from './marks.tsx'
import { count, countOf, UNKNOWN } from './words.ts'

export type StoreCount = NonNullable<ClusterStatus['stores']>[number]

export interface StoreState {
  tone: Tone
  word: string
  /** Why some node cannot use it; null: nobody has said so. */
  why: string | null
}

/** What lies in the cluster is told by every other view; what is only read is looked at when it is read. */
export function isBackend({ type }: Pick<StoreCount, 'type'>): boolean {
  return type !== 'cluster' && type !== 'http'
}

/** Of a back end. */
export function stateOf({ id, only }: StoreCount, nodes: readonly NodeStatus[]): StoreState {
  const words = nodes.flatMap(({ backends }) => backends?.find(({ store }) => store === id) ?? [])
  const down = words.filter(({ failure }) => failure !== null)
  const places = new Set(words.flatMap(({ marker }) => marker ?? []))
  const silent = nodes.length - words.length
  const unseen = silent > 0 ? `, ${count(silent)} ${UNKNOWN}` : ''
  const why = down[0]?.failure ?? null
  if (words.length === 0) return { tone: 'unknown', word: UNKNOWN, why }
  if (down.length === words.length)
    return { tone: only.images > 0 ? 'critical' : 'warning', word: `by no node${unseen}`, why }
  if (down.length > 0)
    return {
      tone: 'warning',
      word: `not by ${count(down.length)} of ${countOf(nodes.length, 'node')}${unseen}`,
      why,
    }
  if (places.size > 1) return { tone: 'warning', word: 'nodes look at different places', why }
  if (places.size === 0) return { tone: 'unknown', word: 'not looked at yet', why }
  return silent > 0
    ? { tone: 'unknown', word: `by ${count(words.length)} of ${countOf(nodes.length, 'node')}${unseen}`, why }
    : { tone: 'good', word: 'by every node', why }
}
