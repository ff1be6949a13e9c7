/** The worker threads that hash, shared by all uploads: hashing an image on the event loop would stop the node. */
import { availableParallelism } from 'node:os'
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ChunkBuffer } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { ByteDigest } from '../backends/backend.ts'
import { ImageError } from '../errors.ts'
import { ImageChecksums } from './checksums.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import { HashThread, placeOf } from './hash-thread.ts'
import { DIGEST_MEMORY_BYTES, PassingDigest } from './passing-digest.ts'

export interface HashPoolOptions {
  threads?: number
  uploadsMax?: number
  restartAfterMs?: number
}

/** More threads than this hash faster than any network or disk of ours delivers. */
const THREADS_MAX = 8
/** Uploads that hash at once; the rest wait unread, with their bytes still at the client. */
const UPLOADS_MAX = 8
/** A worker that dies as soon as it starts must not keep the node busy with starting it. */
const RESTART_AFTER_MS = 1_000
/** Memories of digests that nobody uses at the moment, half a MiB each. */
const MEMORIES_KEPT_MAX = 16

export class HashPool {
  readonly #clock: Clock
  readonly #log: Log
  readonly #threadsMax: number
  readonly #restartAfterMs: number
  readonly #turns: Semaphore
  readonly #threads = new Set<HashThread>()
  readonly #memories: SharedArrayBuffer[] = []
  #running = false

  constructor(components: { clock: Clock; log: Log }, options: HashPoolOptions = {}) {
    this.#clock = components.clock
    this.#log = components.log
    this.#threadsMax = options.threads ?? Math.min(availableParallelism(), THREADS_MAX)
    this.#restartAfterMs = options.restartAfterMs ?? RESTART_AFTER_MS
    this.#turns = new Semaphore(options.uploadsMax ?? UPLOADS_MAX)
  }

  start(): void {
    this.#running = true
    while (this.#threads.size < this.#threadsMax) this.#addThread()
  }

  /** Uploads that still hash fail. */
  async stop(): Promise<void> {
    this.#running = false
    await Promise.all([...this.#threads].map((thread) => thread.stop()))
  }

  /**
   * Waits for a turn and begins the checksums of one upload, of which `algorithm` is its multihash; the caller owes one `close`. An upload whose worker crashes
   * fails with that worker's error.
   */
  async open(signal?: AbortSignal, algorithm: HashAlgorithm = 'sha512'): Promise<ImageChecksums> {
    const endTurn = await this.#turns.acquire(signal)
    try {
      const md5 = this.#leastLoaded().open('md5')
      const multihash = this.#leastLoaded().open(algorithm)
      return new ImageChecksums({ md5, multihash }, endTurn)
    } catch (error) {
      endTurn()
      throw error
    }
  }

  /**
   * Begins a digest of bytes that pass by; the caller owes one `close`. It waits for no turn, as whoever has one might wait for
   * ever: it takes half a MiB. Throws UNAVAILABLE while there is no worker.
   */
  digest(algorithm: HashAlgorithm): ByteDigest {
    const session = this.#leastLoaded().open(algorithm)
    const memory = this.#memories.pop() ?? new SharedArrayBuffer(DIGEST_MEMORY_BYTES)
    return new PassingDigest(session, memory, () => {
      if (this.#memories.length < MEMORIES_KEPT_MAX) this.#memories.push(memory)
    })
  }

  /** A ChunkHasher off the event loop, for nodes whose BLAKE3 is WebAssembly. */
  hashChunk(buffer: ChunkBuffer): Promise<ChunkHash> {
    return this.#leastLoaded().name(placeOf(buffer))
  }

  #leastLoaded(): HashThread {
    const [least] = [...this.#threads].sort((a, b) => a.sessions - b.sessions)
    if (!least) throw new ImageError('UNAVAILABLE', 'no hash worker runs now; try again')
    return least
  }

  #addThread(): void {
    const thread = new HashThread((error) => this.#onDeath(thread, error))
    this.#threads.add(thread)
  }

  #onDeath(thread: HashThread, error: Error): void {
    this.#threads.delete(thread)
    if (!this.#running) return
    this.#log.error({ error }, 'a hash worker died; its uploads fail')
    this.#clock.after(this.#restartAfterMs, () => {
      if (this.#running) this.#addThread()
    })
  }
}
