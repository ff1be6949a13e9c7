/**
 * One digest of bytes on their way to somebody else, computed by a worker: on the event loop MD5 and SHA-512 take a millisecond of
 * each MiB, three times as long as to pass it on. They are copied into a little memory that both share: one half of it
 * fills while the worker reads the other.
 */
import type { ByteDigest } from '../backends/backend.ts'
import type { HashSession } from './hash-thread.ts'

const HALF_BYTES = 256 * 1024
export const DIGEST_MEMORY_BYTES = 2 * HALF_BYTES

export class PassingDigest implements ByteDigest {
  readonly #session: HashSession
  readonly #memory: SharedArrayBuffer
  readonly #onClose: () => void
  /** Where the half begins that is being filled, and what is in it, bytes. */
  #half = 0
  #filled = 0
  #hashing: Promise<void> = Promise.resolve()
  #isClosed = false

  /** `memory` has DIGEST_MEMORY_BYTES, and is given back by `onClose`. */
  constructor(session: HashSession, memory: SharedArrayBuffer, onClose: () => void) {
    this.#session = session
    this.#memory = memory
    this.#onClose = onClose
  }

  /** Throws what the worker threw, and when it was closed. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#requireOpen()
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.subarray(at, at + HALF_BYTES - this.#filled)
      new Uint8Array(this.#memory).set(taken, this.#half + this.#filled)
      this.#filled += taken.length
      at += taken.length
      if (this.#filled === HALF_BYTES) await this.#hand()
    }
  }

  /** Throws as `add`. */
  async finish(): Promise<string> {
    if (this.#filled > 0) await this.#hand()
    await this.#hashing
    this.#requireOpen()
    return this.#session.finish()
  }

  /** Resolves when no worker reads the memory any more. What is still being added fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#hashing.catch(() => {})
    this.#session.close()
    this.#onClose()
  }

  async #hand(): Promise<void> {
    await this.#hashing
    this.#requireOpen()
    this.#hashing = this.#session.update({
      memory: this.#memory,
      offsetBytes: this.#half,
      lengthBytes: this.#filled,
    })
    // It is awaited when its turn comes; a failure until then is no unhandled one.
    this.#hashing.catch(() => {})
    this.#half = HALF_BYTES - this.#half
    this.#filled = 0
  }

  /** The memory is another's, and the worker knows no such session any more: to ask it would be the end of all its uploads. */
  #requireOpen(): void {
    if (this.#isClosed) throw new Error('the digest was closed')
  }
}
