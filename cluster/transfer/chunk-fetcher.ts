/**
 * Brings one verified chunk into memory, from this node's disk or from a peer. Callers that want the same chunk at the
 * same time share one read, one check and one slot of the pool; those that come a little later may still find it there.
 */
import { ClusterError, hasCode, SeracError } from '../errors.ts'
import type { ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import type { ChunkBuffer, ChunkBufferPool } from './chunk-buffer.ts'
import { ChunkFlight, type ChunkLease } from './chunk-flight.ts'
import type { ChunkHolders } from './chunk-holders.ts'
import { hedgedRace, type FailedAttempt } from './hedged-race.ts'
import { HolderOrder } from './holder-order.ts'
import type { LifeSign } from './life-sign.ts'
import type { ChunkHash } from './local-chunks.ts'

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
  localHedgeAfterMs?: number
}

/**
 * A link that delivers shows something many times a second, and a busy disk answers within 100 ms: who is silent for
 * longer is in trouble, and asking a second holder then costs little because it happens rarely.
 */
const HEDGE_AFTER_MS = 300
/** A read of the own disk shows nothing in between, and a peer's help costs more than waiting for a disk that is busy. */
const LOCAL_HEDGE_AFTER_MS = 1_000

export class ChunkFetcher {
  readonly #components: ChunkFetcherComponents
  readonly #hedgeAfterMs: number
  readonly #localHedgeAfterMs: number
  readonly #order: HolderOrder
  readonly #flights = new Map<ChunkHash, ChunkFlight>()
  readonly #repairs = new Map<ChunkHash, Promise<void>>()

  constructor(components: ChunkFetcherComponents, options: ChunkFetcherOptions = {}) {
    this.#components = components
    this.#hedgeAfterMs = options.hedgeAfterMs ?? HEDGE_AFTER_MS
    this.#localHedgeAfterMs = options.localHedgeAfterMs ?? LOCAL_HEDGE_AFTER_MS
    this.#order = new HolderOrder({ ...components, self: components.holders.self })
  }

  /** Whether reading ahead would leave others without a slot: above three quarters of the pool. */
  get isMemoryShort(): boolean {
    const { slotsInUse, slotsMax } = this.#components.pool
    return slotsInUse * 4 > slotsMax * 3
  }

  /**
   * Fetches from this node, then from `placed` (the image's placement, in order), then from every other member: a copy
   * may still be where an earlier placement wanted it. A chunk that was found damaged here is stored anew on the way.
   * Throws CHUNK_UNAVAILABLE naming what was tried, or the signal's reason.
   */
  async fetch(hash: ChunkHash, placed: readonly NodeId[], signal?: AbortSignal): Promise<ChunkLease> {
    const lease = await this.#flightOf(hash, placed).join(signal)
    if (this.#components.holders.isDamagedHere(hash)) void this.#repairOnce(hash).catch(() => {})
    return lease
  }

  /** Stores a chunk anew that was found damaged here. Throws as `fetch`, and what storing throws. */
  async repair(hash: ChunkHash, placed: readonly NodeId[], signal?: AbortSignal): Promise<void> {
    const lease = await this.fetch(hash, placed, signal)
    try {
      await this.#repairs.get(hash)
    } finally {
      lease.release()
    }
  }

  #flightOf(hash: ChunkHash, placed: readonly NodeId[]): ChunkFlight {
    const known = this.#flights.get(hash)
    if (known) return known
    const flight = new ChunkFlight(
      this.#components.pool,
      (stop) => this.#bring(hash, placed, stop),
      () => {
        if (this.#flights.get(hash) === flight) this.#flights.delete(hash)
      },
    )
    this.#flights.set(hash, flight)
    return flight
  }

  /** While somebody holds a lease of the chunk: its bytes are at hand. */
  #repairOnce(hash: ChunkHash): Promise<void> {
    const known = this.#repairs.get(hash)
    if (known) return known
    const repair = this.#store(hash).finally(() => this.#repairs.delete(hash))
    this.#repairs.set(hash, repair)
    return repair
  }

  async #store(hash: ChunkHash): Promise<void> {
    const { holders, log } = this.#components
    const lease = await this.#flights.get(hash)?.join()
    if (!lease) return
    try {
      await holders.putHere(hash, lease.buffer)
    } catch (error) {
      log.debug({ hash, error: codeOf(error) }, 'a damaged chunk could not be stored anew by the way')
      throw error
    } finally {
      lease.release()
    }
  }

  async #bring(hash: ChunkHash, placed: readonly NodeId[], stop: AbortSignal): Promise<ChunkBuffer> {
    const { holders, clock } = this.#components
    const outcome = await hedgedRace(
      this.#order.of(placed, holders.hasLocally(hash)),
      (at, signal, sign) => this.#attempt(at, hash, signal, sign),
      {
        clock,
        hedgeAfterMs: (at) => (at === holders.self ? this.#localHedgeAfterMs : this.#hedgeAfterMs),
        mayHedge: () => !this.isMemoryShort,
        onSilent: (at) => this.#order.avoid(at),
        discard: (late) => late.release(),
        signal: stop,
      },
    )
    if (outcome.won) return outcome.value
    throw unavailable(hash, outcome.failures)
  }

  /** One try at one holder, in a slot of its own. */
  async #attempt(at: NodeId, hash: ChunkHash, signal: AbortSignal, sign: LifeSign): Promise<ChunkBuffer> {
    const slot = await this.#components.pool.acquire(signal)
    try {
      await this.#components.holders.read(at, hash, slot, signal, sign)
      return slot
    } catch (error) {
      slot.release()
      this.#noteFailure(at, hash, error)
      throw error
    }
  }

  #noteFailure(at: NodeId, hash: ChunkHash, error: unknown): void {
    const { log, holders } = this.#components
    if (hasCode(error, 'RPC_TIMEOUT') || hasCode(error, 'PEER_UNREACHABLE')) this.#order.avoid(at)
    // Each node says by itself what is damaged on its disk, and bounds how often.
    if (at !== holders.self && hasCode(error, 'CHUNK_DAMAGED'))
      log.debug({ hash, at }, 'a copy of a chunk is damaged; another holder is asked')
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
