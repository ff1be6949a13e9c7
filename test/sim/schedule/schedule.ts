/** Everything that a run does to the cluster, as data: made from a seed, shortened by the shrinker, printed for people. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { CrashKind } from '../disk/sim-disk.ts'
import type { ClockError } from '../world/sim-clock.ts'
import type { NetworkFaults } from '../world/sim-network.ts'

/** `mint`: as `create`, by the first who ever uses the key. */
export type StepKind =
  'mint' | 'create' | 'append' | 'swap' | 'touch' | 'delete' | 'collect' | 'read' | 'list'

/** One request of a client. */
export interface ClientStep {
  kind: StepKind
  node: NodeId
  key: string
  /** Unique over the schedule. */
  id: number
}

export type ScheduledEvent = { atMs: number } &
  /** One client: each request follows the answer to the one before. */
  (
    | { kind: 'session'; steps: ClientStep[] }
    | { kind: 'crash'; node: NodeId; how: CrashKind; downMs: number }
    /** The process stands still (SIGSTOP), then all that was due runs at once. */
    | { kind: 'pause'; node: NodeId; forMs: number }
    | { kind: 'cut'; from: NodeId; to: NodeId; forMs: number }
    /** Nodes of the one side do not reach those of the other; each pair is healed at a time of its own. */
    | { kind: 'partition'; side: NodeId[]; forMs: number; swizzled: boolean }
    | { kind: 'slow-link'; from: NodeId; to: NodeId; factor: number; forMs: number }
    /** What is sent from now on, for `forMs`, arrives `byMs` later than it would. */
    | { kind: 'hold'; from: NodeId; to: NodeId; byMs: number; forMs: number }
    | { kind: 'disk-stall'; node: NodeId; forMs: number }
    | { kind: 'disk-full'; node: NodeId; forMs: number }
    | { kind: 'failed-sync'; node: NodeId }
    | { kind: 'clock-jump'; node: NodeId; byMs: number }
    /** The disk comes back empty. */
    | { kind: 'lose-disk'; node: NodeId; downMs: number }
    /** What the disk holds now comes back after `ageMs`: a restored backup, or a copied directory. */
    | { kind: 'roll-back'; node: NodeId; ageMs: number; downMs: number }
    /** In one stored row: in the vote on `key`, else in any. */
    | { kind: 'flip-bit'; node: NodeId; restartMs: number; key?: string }
    | { kind: 'lose-vote-row'; node: NodeId; restartMs: number; key?: string }
    /** `at`: the node that is asked to do it. */
    | { kind: 'set-voters'; at: NodeId; voters: NodeId[] }
    | { kind: 'abort-change'; at: NodeId }
    | { kind: 'remove-node'; at: NodeId; node: NodeId }
    | { kind: 'put-node'; at: NodeId; node: NodeId }
  )

export interface Schedule {
  seed: number
  ids: NodeId[]
  /** Of the first config; the other nodes store. */
  voters: NodeId[]
  keys: string[]
  network: NetworkFaults
  clocks: Record<NodeId, ClockError>
  changeLogEntriesMax: number
  /** The cluster is there before the first event. */
  risesFirst: boolean
  /** Until then faults and requests come. */
  chaosMs: number
  events: ScheduledEvent[]
}

/** When it has done the last thing that the world's end of faults would not undo: what it breaks or brings back. */
export function endOf(event: ScheduledEvent): number {
  const { atMs } = event
  if (event.kind === 'lose-disk') return atMs + event.downMs
  if (event.kind === 'roll-back') return atMs + event.ageMs + event.downMs
  return event.kind === 'flip-bit' || event.kind === 'lose-vote-row' ? atMs + event.restartMs : atMs
}

/** One line per event, for a human reader. `beganMs`: when the times began. */
export function describeEvent({ atMs, ...event }: ScheduledEvent, beganMs: number): string {
  const { kind, ...rest } = event
  const at = `${String(Math.round(beganMs + atMs)).padStart(6)} ms  `
  if (event.kind === 'session') return at + event.steps.map(describeStep).join(', then ')
  const facts = Object.entries(rest).map(([name, value]) => `${name} ${describeFact(value)}`)
  return `${at}${kind} ${facts.join(', ')}`
}

function describeFact(value: unknown): string {
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : JSON.stringify(value)
}

function describeStep({ kind, node, key, id }: ClientStep): string {
  if (kind === 'list') return `list at ${node}`
  return kind === 'read' ? `read ${key} at ${node}` : `${kind} ${key} #${id} at ${node}`
}
