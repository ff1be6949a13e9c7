/** A plot being written: what is asked of one register that belongs to it alone, and what breaks meanwhile. */
import type { NodeId } from '../../../../cluster/network/rpc-port.ts'
import { coordinatorsOf } from '../../../../cluster/register/key-order.ts'
import { RECORD_PREFIX } from '../../cluster/record-index.ts'
import type { Fault } from '../make-faults.ts'
import type { ScheduledEvent, StepKind } from '../schedule.ts'

/** Above all ids that ordinary sessions use. */
const FIRST_ID = 10_001
/** So much earlier a fault begins that is to meet what is sent at a moment itself. */
const AT_ONCE_MS = 0.05

export class Script {
  readonly key: string
  readonly events: ScheduledEvent[] = []
  #nextId = FIRST_ID

  /** `coordinator` is the node of `voters` that works on the register. */
  constructor(coordinator: NodeId, voters: readonly NodeId[]) {
    this.key = keyOf(coordinator, voters)
  }

  at(atMs: number, event: Fault): void {
    this.events.push({ atMs, ...event })
  }

  /** One client: each request follows the answer to the one before. */
  ask(atMs: number, node: NodeId, ...kinds: StepKind[]): void {
    const steps = kinds.map((kind) => ({ kind, node, key: this.key, id: this.#nextId++ }))
    this.events.push({ atMs, kind: 'session', steps })
  }

  /** What `from` sends to each of `to` from `atMs` on is lost, a change that goes out at that very moment included. */
  cut(atMs: number, from: NodeId, to: readonly NodeId[], forMs: number): void {
    for (const peer of to) this.at(atMs - AT_ONCE_MS, { kind: 'cut', from, to: peer, forMs })
  }

  /** The same, but it comes `byMs` late. */
  hold(atMs: number, from: NodeId, to: readonly NodeId[], byMs: number, forMs: number): void {
    for (const peer of to) this.at(atMs - AT_ONCE_MS, { kind: 'hold', from, to: peer, byMs, forMs })
  }
}

function keyOf(coordinator: NodeId, voters: readonly NodeId[]): string {
  for (let i = 0; ; i++) {
    const key = `${RECORD_PREFIX}plot-${i}`
    if (coordinatorsOf(key, voters)[0] === coordinator) return key
  }
}
