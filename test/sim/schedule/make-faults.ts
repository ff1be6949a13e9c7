/** One fault, chosen at random. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import type { ScheduledEvent } from './schedule.ts'

export type Fault = ScheduledEvent extends infer E
  ? E extends { atMs: number }
    ? Omit<E, 'atMs'>
    : never
  : never
type Maker = (random: SeededRandom, ids: readonly NodeId[]) => Fault

const MAKERS: readonly (readonly [Maker, number])[] = [
  [
    (random, ids) => ({
      kind: 'crash',
      node: random.pick(ids),
      how: random.chance(0.5) ? 'process' : 'power',
      downMs: random.between(20, 1500),
    }),
    26,
  ],
  [(random, ids) => ({ kind: 'pause', node: random.pick(ids), forMs: random.between(50, 2500) }), 10],
  [
    (random, ids) => ({
      kind: 'cut',
      from: random.pick(ids),
      to: random.pick(ids),
      forMs: random.between(100, 1500),
    }),
    14,
  ],
  [
    (random, ids) => ({
      kind: 'partition',
      side: ids.filter(() => random.chance(0.5)),
      forMs: random.between(100, 2000),
      swizzled: random.chance(0.5),
    }),
    14,
  ],
  [
    (random, ids) => ({
      kind: 'slow-link',
      from: random.pick(ids),
      to: random.pick(ids),
      factor: random.between(5, 60),
      forMs: random.between(200, 2000),
    }),
    8,
  ],
  [(random, ids) => ({ kind: 'disk-stall', node: random.pick(ids), forMs: random.between(50, 2000) }), 8],
  [(random, ids) => ({ kind: 'disk-full', node: random.pick(ids), forMs: random.between(100, 1500) }), 4],
  [(random, ids) => ({ kind: 'failed-sync', node: random.pick(ids) }), 5],
  [
    (random, ids) => ({
      kind: 'clock-jump',
      node: random.pick(ids),
      byMs: random.between(-86_400_000, 86_400_000),
    }),
    4,
  ],
  [(random, ids) => ({ kind: 'lose-disk', node: random.pick(ids), downMs: random.between(20, 1500) }), 5],
  [
    (random, ids) => ({
      kind: 'roll-back',
      node: random.pick(ids),
      ageMs: random.between(50, 3000),
      downMs: random.between(20, 1500),
    }),
    6,
  ],
  [(random, ids) => ({ kind: 'flip-bit', node: random.pick(ids), restartMs: random.between(50, 2000) }), 5],
  [
    (random, ids) => ({ kind: 'lose-vote-row', node: random.pick(ids), restartMs: random.between(50, 2000) }),
    4,
  ],
]

export function makeFault(random: SeededRandom, ids: readonly NodeId[]): Fault {
  let roll = random.float() * MAKERS.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [maker, weight] of MAKERS) {
    roll -= weight
    if (roll < 0) return maker(random, ids)
  }
  throw new RangeError('there is no fault to choose')
}
