/** One chunk on its way into memory, and then in it, as long as somebody uses it or memory is plentiful. */
import { ClusterError } from '../errors.ts'
import { abortable } from './abortable.ts'
import type { ChunkBuffer, ChunkBufferPool } from './chunk-buffer.ts'

/** A verified chunk, shared with others: read only. Give it back once, by one of the two. */
export interface ChunkLease {
  readonly buffer: ChunkBuffer
  release(): void
  /** As release; but others may read the same soon, so the bytes stay until somebody needs the memory. */
  keep(): void
}

export class ChunkFlight {
  readonly #pool: ChunkBufferPool
  readonly #landing: Promise<ChunkBuffer>
  readonly #stop = new AbortController()
  readonly #onOver: () => void
  #landed: ChunkBuffer | null = null
  #users = 0
  #isKept = false

  /** `bring` fills a slot of `pool`; `onOver`: nobody can join any more. */
  constructor(pool: ChunkBufferPool, bring: (stop: AbortSignal) => Promise<ChunkBuffer>, onOver: () => void) {
    this.#pool = pool
    this.#onOver = onOver
    this.#landing = bring(this.#stop.signal).then((buffer) => this.#land(buffer))
    this.#landing.catch(onOver)
  }

  async join(signal?: AbortSignal): Promise<ChunkLease> {
    this.#users++
    if (this.#users === 1 && this.#landed) this.#pool.unpark(this.#landed)
    try {
      const buffer = await abortable(this.#landing, signal)
      let held = true
      const end = (isKept: boolean) => {
        if (held) this.#leave(isKept)
        held = false
      }
      return { buffer, release: () => end(false), keep: () => end(true) }
    } catch (error) {
      this.#leave(false)
      throw error
    }
  }

  #leave(isKept: boolean): void {
    this.#users--
    this.#isKept ||= isKept
    if (this.#users > 0) return
    if (this.#landed && this.#isKept) return this.#pool.park(this.#landed, this.#onOver)
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
