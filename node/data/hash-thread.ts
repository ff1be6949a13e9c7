/** One hash worker as the event loop sees it: requests out, replies matched to their tasks, a crash told to all. */
import type { Worker } from 'node:worker_threads'
import type { ChunkBuffer } from '../../cluster/transfer/chunk-buffer.ts'
import { startThread } from '../../cluster/worker-thread.ts'
import type { ChecksumName, ChunkName, ChunkPlace, HashReply, HashRequest } from './hash-messages.ts'

interface Task {
  named(name: ChunkName): void
  done(digest: string): void
  failed(error: Error): void
}

/** A request that is answered, before it has its number. */
type Asked = Unnumbered<Extract<HashRequest, { task: number }>>
type Unnumbered<R> = R extends HashRequest ? Omit<R, 'task'> : never

/** One checksum under way in one worker. */
export interface HashSession {
  /** Adds bytes, in the order of the calls; resolves when the worker is done with them. `onNamed`: names them as well. */
  update(place: ChunkPlace, onNamed?: (name: ChunkName) => void): Promise<void>
  /** The digest, hex. */
  finish(): Promise<string>
  close(): void
}

export class HashThread {
  readonly #worker: Worker
  readonly #tasks = new Map<number, Task>()
  readonly #sessions = new Set<number>()
  #nextNumber = 1
  #failure: Error | null = null

  /** `onDeath` is called once, when the worker has ended and will answer nothing more. */
  constructor(onDeath: (error: Error) => void) {
    this.#worker = startThread('hash-worker', import.meta.url)
    let failure = new Error('a hash worker ended')
    this.#worker.on('message', (reply: HashReply) => this.#onReply(reply))
    this.#worker.on('error', (error) => (failure = error))
    this.#worker.once('exit', () => {
      this.#fail(failure)
      onDeath(failure)
    })
  }

  /** Checksums that this worker computes now: what the pool balances. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** Begins a checksum; the caller owes one `close`. */
  open(checksum: ChecksumName): HashSession {
    const session = this.#nextNumber++
    this.#sessions.add(session)
    this.#post({ kind: 'open', session, checksum })
    return {
      update: async (place, onNamed) => {
        await this.#ask({ kind: 'update', session, place, name: onNamed !== undefined }, onNamed)
      },
      finish: () => this.#ask({ kind: 'finish', session }),
      close: () => {
        if (this.#sessions.delete(session)) this.#post({ kind: 'drop', session })
      },
    }
  }

  /** BLAKE3 of the bytes at `place`, hex. */
  name(place: ChunkPlace): Promise<string> {
    return this.#ask({ kind: 'name', place })
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }

  #ask(request: Asked, named: Task['named'] = () => {}): Promise<string> {
    if (this.#failure) return Promise.reject(this.#failure)
    const task = this.#nextNumber++
    return new Promise((resolve, reject) => {
      this.#tasks.set(task, { named, done: resolve, failed: reject })
      this.#post({ ...request, task })
    })
  }

  #post(request: HashRequest): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(request)
  }

  #onReply(reply: HashReply): void {
    const task = this.#tasks.get(reply.task)
    if (reply.kind === 'named') return task?.named(reply.name)
    this.#tasks.delete(reply.task)
    task?.done(reply.digest)
  }

  #fail(error: Error): void {
    this.#failure = error
    for (const task of this.#tasks.values()) task.failed(error)
    this.#tasks.clear()
  }
}

/** Where a chunk lies, for a worker that maps the same memory. */
export function placeOf({ payload }: ChunkBuffer): ChunkPlace {
  return { memory: payload.buffer, offsetBytes: payload.byteOffset, lengthBytes: payload.length }
}
