/** Changes of the membership in one schedule: voters come, go and are replaced while clients go on. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import type { Schedule, ScheduledEvent } from './schedule.ts'

type Base = Pick<Schedule, 'ids' | 'voters' | 'chaosMs'>

/** Many seeds leave the membership alone: other bugs show better then. */
const CHANGE_ODDS = 0.6
const CHANGES_MAX = 3
const ABORT_ODDS = 0.15
const REMOVE_ODDS = 0.3

export function makeChanges(random: SeededRandom, base: Base): ScheduledEvent[] {
  if (base.ids.length < 2 || !random.chance(CHANGE_ODDS)) return []
  const count = 1 + random.below(CHANGES_MAX)
  return Array.from({ length: count }, () => change(random, base)).flat()
}

function change(random: SeededRandom, { ids, chaosMs }: Base): ScheduledEvent[] {
  const atMs = random.between(300, chaosMs)
  const at = random.pick(ids)
  if (random.chance(ABORT_ODDS)) return [{ atMs, kind: 'abort-change', at }]
  if (random.chance(REMOVE_ODDS)) return removal(random, ids, atMs, at)
  const sizes = [1, 3, 5].filter((size) => size <= ids.length)
  // One voter is a rare choice, and bad at showing anything.
  const size = random.chance(0.7) ? (sizes.at(-1) ?? 1) : random.pick(sizes)
  const wanted = ids.length > 3 && size === ids.length && random.chance(0.5) ? 3 : size
  return [{ atMs, kind: 'set-voters', at, voters: random.shuffled(ids).slice(0, wanted).sort() }]
}

/** A node leaves and comes back: refused while it votes. */
function removal(random: SeededRandom, ids: readonly NodeId[], atMs: number, at: NodeId): ScheduledEvent[] {
  const node = random.pick(ids)
  const backMs = atMs + random.between(200, 2000)
  return [
    { atMs, kind: 'remove-node', at, node },
    { atMs: backMs, kind: 'put-node', at: random.pick(ids), node },
  ]
}
