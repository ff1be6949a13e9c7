/** Bytes that stop on half the way until the test lets them go on: what happens meanwhile happens in mid-transfer. */
import { deferred } from './deferred.ts'

export class GatedBytes implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>
  readonly #gateAfterBytes: number
  readonly #reached = deferred()
  readonly #opened = deferred()

  /** Choose `gateAfterBytes` well above what sockets keep in their buffers: some 10 MiB on loopback. */
  constructor(source: AsyncIterable<Uint8Array>, gateAfterBytes: number) {
    this.#source = source
    this.#gateAfterBytes = gateAfterBytes
  }

  /** Resolves when all up to the gate was taken. */
  get reached(): Promise<void> {
    return this.#reached.promise
  }

  open(): void {
    this.#opened.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let sentBytes = 0
    for await (const bytes of this.#source) {
      yield bytes
      sentBytes += bytes.length
      if (sentBytes < this.#gateAfterBytes) continue
      this.#reached.resolve()
      await this.#opened.promise
    }
  }
}
