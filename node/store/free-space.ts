/** Room on the store's file system. Above a watermark uploads are refused; reads, deletes and votes go on. */
import { statfs } from 'node:fs/promises'
import { ClusterError } from '../../cluster/errors.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { CHUNK_BYTES_MAX } from '../../cluster/transfer/chunk-buffer.ts'

export interface DiskSpace {
  freeBytes: number
  totalBytes: number
}

export type SpaceProbe = () => Promise<DiskSpace>

/** How old the figure may get: one second of writing at 1 GB/s is about the default watermark. */
const ASK_EVERY_MS = 1000

/** Asks the file system of `directory` for what this process may still use. */
export function statfsProbe(directory: string): SpaceProbe {
  return async () => {
    const { bavail, blocks, bsize } = await statfs(directory)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  }
}

export class FreeSpace {
  readonly #clock: Clock
  readonly #probe: SpaceProbe
  /** What is kept free. */
  readonly freeBytesMin: number
  #space: DiskSpace = { freeBytes: 0, totalBytes: 0 }
  #grantedBytes = 0
  #isStopped = false
  #cancel = () => {}

  constructor(components: { clock: Clock; probe: SpaceProbe }, options: { freeBytesMin: number }) {
    this.#clock = components.clock
    this.#probe = components.probe
    this.freeBytesMin = options.freeBytesMin
  }

  /** As of the last second, less what was granted since. */
  get freeBytes(): number {
    return this.#space.freeBytes - this.#grantedBytes
  }

  get totalBytes(): number {
    return this.#space.totalBytes
  }

  /** Whether a further chunk may be refused. */
  get isFull(): boolean {
    return this.freeBytes - CHUNK_BYTES_MAX < this.freeBytesMin
  }

  /** Asks once, then each second until `stop`. */
  async start(): Promise<void> {
    await this.#ask()
    this.#askLater()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  /** Grants `sizeBytes` until the next look, or throws STORE_FULL: the watermark would be passed. */
  take(sizeBytes: number): void {
    if (this.freeBytes - sizeBytes < this.freeBytesMin) {
      const message = `the store has ${this.freeBytes} bytes left and keeps ${this.freeBytesMin} of them free`
      throw new ClusterError('STORE_FULL', message, {
        freeBytes: this.freeBytes,
        freeBytesMin: this.freeBytesMin,
      })
    }
    this.#grantedBytes += sizeBytes
  }

  #askLater(): void {
    if (this.#isStopped) return
    this.#cancel = this.#clock.after(ASK_EVERY_MS, () => {
      // A probe that fails leaves the last figure, which the grants bring down: it errs to the safe side.
      this.#ask()
        .catch(() => {})
        .finally(() => this.#askLater())
    })
  }

  async #ask(): Promise<void> {
    this.#space = await this.#probe()
    this.#grantedBytes = 0
  }
}
