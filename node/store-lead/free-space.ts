/** Room on the store's filesystem: above a watermark uploads are refused while reads, deletes and votes go on. */
import { statfs } from 'node:fs/promises'
import { ClusterError } from '../../cluster/errors.ts'
import type { Clock } from '../../cluster/runtime.ts'

export interface FreeSpaceOptions {
  /** Bytes that must stay free. */
  freeBytesMin: number
}

/** The filesystem is asked this often. */
const ASK_EVERY_MS = 1000

export class FreeSpace {
  readonly #directory: string
  readonly #clock: Clock
  readonly #options: FreeSpaceOptions
  #freeBytes = Infinity
  #totalBytes = 0
  #cancel: (() => void) | null = null

  constructor(directory: string, clock: Clock, options: FreeSpaceOptions) {
    this.#directory = directory
    this.#clock = clock
    this.#options = options
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  /** Asks now, then again and again until `stop`. */
  async start(): Promise<void> {
    await this.#ask()
    this.#cancel = this.#clock.after(ASK_EVERY_MS, () => void this.start().catch(() => {}))
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  /** Throws STORE_FULL when `bytes` more would pass the watermark. What is granted counts until the next look. */
  assertRoom(bytes: number): void {
    if (this.#freeBytes - bytes < this.#options.freeBytesMin)
      throw new ClusterError('STORE_FULL', `the store has ${this.#freeBytes} bytes free and keeps ${this.#options.freeBytesMin}`)
    this.#freeBytes -= bytes
  }

  async #ask(): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.#directory)
    this.#freeBytes = bavail * bsize
    this.#totalBytes = blocks * bsize
  }
}
