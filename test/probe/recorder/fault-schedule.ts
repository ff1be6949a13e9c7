/** Which faults come when: decided from the seed before anything starts. */
import type { SeededRandom } from '../../sim/world/seeded-random.ts'

export type FaultKind =
  /** SIGKILL, and started again at the end. */
  | 'kill'
  /** SIGSTOP for less than the liveness limit (2 s). */
  | 'pause'
  /** SIGSTOP for longer than it. */
  | 'hang'
  /** All but one node killed at the same moment. */
  | 'kill-majority'
  /** No packet between the node and one other. */
  | 'cut'
  /** No packet between the node and all others; clients still reach it. */
  | 'isolate'
  /** The node hears nothing of the others, but they hear it. */
  | 'deafen'
  /** Of the packets to the node, one in ten is lost. */
  | 'lossy'

export interface Fault {
  kind: FaultKind
  /** The node it is done to. */
  node: number
  /** The node that `cut` takes as the other end. */
  other: number
  /** ms since the run began. */
  fromMs: number
  toMs: number
}

interface FaultShape {
  weight: number
  /** How long it lasts, ms. */
  lastsMs: readonly [min: number, max: number]
}

const PROCESS_FAULTS: readonly (readonly [FaultKind, FaultShape])[] = [
  ['kill', { weight: 5, lastsMs: [100, 3000] }],
  ['pause', { weight: 3, lastsMs: [200, 1800] }],
  ['hang', { weight: 3, lastsMs: [2200, 7000] }],
  ['kill-majority', { weight: 1, lastsMs: [300, 2500] }],
]
const NETWORK_FAULTS: readonly (readonly [FaultKind, FaultShape])[] = [
  ['cut', { weight: 3, lastsMs: [300, 6000] }],
  ['isolate', { weight: 3, lastsMs: [300, 6000] }],
  ['deafen', { weight: 3, lastsMs: [300, 6000] }],
  ['lossy', { weight: 2, lastsMs: [1000, 6000] }],
]
/** The first fault finds clients at work. */
const QUIET_START_MS = 1500
/** From the start of a fault to that of the next: shorter than most last, so that some come together. */
const GAP_MS: readonly [number, number] = [1000, 5000]
/** A run must end with all faults over, even when they are few. */
const QUIET_END_MS = 2000

export interface ScheduleLimits {
  nodes: number
  runMs: number
  /** Whether links between nodes can be cut. */
  withNetwork: boolean
}

export function scheduleFaults(random: SeededRandom, { nodes, runMs, withNetwork }: ScheduleLimits): Fault[] {
  const shapes = withNetwork ? [...PROCESS_FAULTS, ...NETWORK_FAULTS] : PROCESS_FAULTS
  const faults: Fault[] = []
  const endMs = runMs - QUIET_END_MS
  for (let fromMs = QUIET_START_MS; fromMs < endMs; fromMs += between(random, GAP_MS)) {
    const [kind, { lastsMs }] = pick(random, shapes)
    const node = random.below(nodes)
    const other = (node + 1 + random.below(nodes - 1)) % nodes
    faults.push({ kind, node, other, fromMs, toMs: Math.min(endMs, fromMs + between(random, lastsMs)) })
  }
  return faults
}

function pick<T>(
  random: SeededRandom,
  choices: readonly (readonly [T, FaultShape])[],
): readonly [T, FaultShape] {
  let roll = random.float() * choices.reduce((sum, [, { weight }]) => sum + weight, 0)
  return choices.find(([, { weight }]) => (roll -= weight) < 0) ?? choices[0]!
}

function between(random: SeededRandom, [min, max]: readonly [number, number]): number {
  return min + random.float() * (max - min)
}
