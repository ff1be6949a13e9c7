/**
 * Brings one verified chunk into memory, from this node's disk or from a peer. Callers that want the same chunk at the
 * same time share one read, one check and one slot of the pool.
 */
import { ClusterError, hasCode, SeracError } from '../errors.ts'
import type { ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import { abortable } from './abortable.ts'
import type { ChunkBuffer, ChunkBufferPool } from './chunk-buffer.ts'
import type { ChunkHolders } from './chunk-holders.ts'
import { hedgedRace, type FailedAttempt } from './hedged-race.ts'
import type { ChunkHash } from './local-chunks.ts'

/** A verified chunk, shared with others: read only. Give it back once. */
export interface ChunkLease {
  readonly buffer: ChunkBuffer
  release(): void
}

export interface ChunkFetcherComponents {
  holders: ChunkHolders
  pool: ChunkBufferPool
  config: ConfigView
  liveness: LivenessView
  clock: Clock
  log: Log
}

export interface ChunkFetcherOptions {
  hedgeAfterMs?: number
  /** Told when a holder's copy turned out damaged, so that it can be healed. */
  onDamaged?: (hash: ChunkHash, at: NodeId) => void
}

/**
 * 4 MiB take 4 ms on a 10 Gbit/s link and 40 ms on 1 Gbit/s, and a busy disk answers within 100 ms: who needs longer is
 * in trouble, and asking a second holder then costs little because it happens rarely.
 */
const HEDGE_AFTER_MS = 300

export class ChunkFetcher {
  readonly #components: ChunkFetcherComponents
  readonly #hedgeAfterMs: number
  readonly #onDamaged: (hash: ChunkHash, at: NodeId) => void
  readonly #flights = new Map<ChunkHash, Flight>()

  constructor(components: ChunkFetcherComponents, options: ChunkFetcherOptions = {}) {
    this.#components = components
    this.#hedgeAfterMs = options.hedgeAfterMs ?? HEDGE_AFTER_MS
    this.#onDamaged = options.onDamaged ?? (() => {})
  }

  /** Whether reading ahead would leave others without a slot: above three quarters of the pool. */
  get isMemoryShort(): boolean {
    const { slotsInUse, slotsMax } = this.#components.pool
    return slotsInUse * 4 > slotsMax * 3
  }

  /**
   * Fetches from this node, then from `placed` (the image's placement, in order), then from every other member: a copy
   * may still be where an earlier placement wanted it. Alive nodes come first. Throws CHUNK_UNAVAILABLE naming what was
   * tried, or the signal's reason.
   */
  fetch(hash: ChunkHash, placed: readonly NodeId[], signal?: AbortSignal): Promise<ChunkLease> {
    let flight = this.#flights.get(hash)
    if (!flight) {
      const launched = new Flight(
        (stop) => this.#bring(hash, placed, stop),
        () => this.#forget(hash, launched),
      )
      flight = launched
      this.#flights.set(hash, flight)
    }
    return flight.join(signal)
  }

  #forget(hash: ChunkHash, flight: Flight): void {
    if (this.#flights.get(hash) === flight) this.#flights.delete(hash)
  }

  async #bring(hash: ChunkHash, placed: readonly NodeId[], stop: AbortSignal): Promise<ChunkBuffer> {
    const failures: FailedAttempt[] = []
    const { holders } = this.#components
    if (holders.hasLocally(hash)) {
      try {
        return await this.#attempt(holders.self, hash, stop)
      } catch (error) {
        stop.throwIfAborted()
        failures.push({ at: holders.self, error })
      }
    }
    const outcome = await hedgedRace(
      this.#peersInOrder(placed),
      (at, signal) => this.#attempt(at, hash, signal),
      {
        clock: this.#components.clock,
        hedgeAfterMs: this.#hedgeAfterMs,
        mayHedge: () => !this.isMemoryShort,
        discard: (late) => late.release(),
        signal: stop,
      },
    )
    if (outcome.won) return outcome.value
    throw unavailable(hash, [...failures, ...outcome.failures])
  }

  /** One try at one holder, in a slot of its own. */
  async #attempt(at: NodeId, hash: ChunkHash, signal: AbortSignal): Promise<ChunkBuffer> {
    const slot = await this.#components.pool.acquire(signal)
    try {
      await this.#components.holders.read(at, hash, slot, signal)
      return slot
    } catch (error) {
      slot.release()
      if (hasCode(error, 'CHUNK_DAMAGED')) this.#reportDamage(hash, at)
      throw error
    }
  }

  #reportDamage(hash: ChunkHash, at: NodeId): void {
    const { log, holders } = this.#components
    // This node's own store has said so already, and it bounds how often.
    if (at !== holders.self) log.warn({ hash, at }, 'a copy of a chunk is damaged; another holder is asked')
    this.#onDamaged(hash, at)
  }

  #peersInOrder(placed: readonly NodeId[]): NodeId[] {
    const { holders, config, liveness } = this.#components
    const members = config.current().nodes.map(({ id }) => id)
    const peers = [...new Set([...placed, ...members])].filter((id) => id !== holders.self)
    const alive = peers.filter((id) => liveness.isAlive(id))
    return [...alive, ...peers.filter((id) => !alive.includes(id))]
  }
}

/** One chunk on its way into memory, and then in it, as long as somebody uses it. */
class Flight {
  readonly #landing: Promise<ChunkBuffer>
  readonly #stop = new AbortController()
  readonly #onOver: () => void
  #landed: ChunkBuffer | null = null
  #users = 0

  constructor(bring: (stop: AbortSignal) => Promise<ChunkBuffer>, onOver: () => void) {
    this.#onOver = onOver
    this.#landing = bring(this.#stop.signal).then((buffer) => this.#land(buffer))
    this.#landing.catch(onOver)
  }

  async join(signal?: AbortSignal): Promise<ChunkLease> {
    this.#users++
    try {
      const buffer = await abortable(this.#landing, signal)
      let held = true
      const release = () => {
        if (held) this.#leave()
        held = false
      }
      return { buffer, release }
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  #leave(): void {
    this.#users--
    if (this.#users > 0) return
    this.#onOver()
    this.#stop.abort(new ClusterError('STOPPING', 'nobody waits for the chunk any more'))
    this.#landed?.release()
  }

  #land(buffer: ChunkBuffer): ChunkBuffer {
    this.#landed = buffer
    // A read of the own disk cannot be stopped: it may land when all have gone.
    if (this.#users === 0) buffer.release()
    return buffer
  }
}

function unavailable(hash: ChunkHash, failures: readonly FailedAttempt[]): ClusterError {
  const tried = failures.map(({ at, error }) => ({ at, error: codeOf(error) }))
  return new ClusterError(
    'CHUNK_UNAVAILABLE',
    'no holder can deliver the chunk',
    { hash, tried },
    failures.at(-1)?.error,
  )
}

function codeOf(error: unknown): string {
  return error instanceof SeracError ? error.code : String(error)
}
