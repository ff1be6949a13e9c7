/** Peers that were not let in, and why: for the status page, and logged once per peer and reason. */
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import type { RefusalReason } from './hello.ts'

export interface Refusal extends RefusalReason {
  peer: NodeId
  /** Wall time, ms. */
  firstAtMs: number
  lastAtMs: number
  count: number
}

export class Refusals {
  readonly #clock: Clock
  readonly #log: Log
  /** At most one per member: nobody else is noted. */
  readonly #byPeer = new Map<NodeId, Refusal>()

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  list(): Refusal[] {
    return [...this.#byPeer.values()]
  }

  note(peer: NodeId, reason: RefusalReason): void {
    const nowMs = this.#clock.wallMs()
    const known = this.#byPeer.get(peer)
    if (known?.code === reason.code && known.message === reason.message) {
      known.lastAtMs = nowMs
      known.count++
      return
    }
    this.#byPeer.set(peer, { peer, ...reason, firstAtMs: nowMs, lastAtMs: nowMs, count: 1 })
    this.#log.error({ peer, code: reason.code }, `link refused: ${reason.message}`)
  }

  /** The peer is fine now, or no member any more. */
  clear(peer: NodeId): void {
    this.#byPeer.delete(peer)
  }
}
