/** Peers that were not let in, and why: for the status page, and logged once per peer and reason. */
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import type { RefusalReason } from './hello.ts'

export interface Refusal extends RefusalReason {
  peer: NodeId
  /** Monotonic. */
  lastMs: number
  count: number
}

/** Whoever is refused dials again within 10 s, pauses and time limits added up: by then it has given up, or was stopped. */
const KEPT_MS = 30_000

export class Refusals {
  readonly #clock: Clock
  readonly #log: Log
  /** At most one per member: nobody else is noted. */
  readonly #byPeer = new Map<NodeId, Refusal>()

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  /** Those that still try. */
  list(): Refusal[] {
    const oldestMs = this.#clock.monotonicMs() - KEPT_MS
    for (const { peer, lastMs } of this.#byPeer.values()) if (lastMs < oldestMs) this.clear(peer)
    return [...this.#byPeer.values()]
  }

  note(peer: NodeId, reason: RefusalReason): void {
    const lastMs = this.#clock.monotonicMs()
    const known = this.#byPeer.get(peer)
    if (known?.code === reason.code && known.message === reason.message) {
      known.lastMs = lastMs
      known.count++
      return
    }
    this.#byPeer.set(peer, { peer, ...reason, lastMs, count: 1 })
    this.#log.error({ peer, code: reason.code }, `link refused: ${reason.message}`)
  }

  /** The peer is fine now, or no member any more. */
  clear(peer: NodeId): void {
    this.#byPeer.delete(peer)
  }
}
