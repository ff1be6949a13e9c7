/** Looks at the bytes of one upload while they pass to the store, and refuses what may not become an image. */
import { ImageError } from '../errors.ts'
import { judge, type Verdict } from './format-verdict.ts'
import type { FormatRules } from './image-format.ts'
import { ImageInspector } from './image-inspector.ts'

export class UploadInspection {
  readonly #diskFormat: string
  readonly #rules: FormatRules
  readonly #inspector: ImageInspector
  #verdict: Verdict | null = null

  constructor(diskFormat: string, rules: FormatRules) {
    this.#diskFormat = diskFormat
    this.#rules = rules
    this.#inspector = new ImageInspector(rules)
  }

  /**
   * The pieces of `body` themselves. Throws UNSUPPORTED_MEDIA as soon as it is known, mostly within the first 64 KiB. Once
   * the verdict is there, nothing stands between the reader and `body` any more but one call.
   */
  watch(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return {
      [Symbol.asyncIterator]: () => {
        const source = body[Symbol.asyncIterator]()
        return {
          next: () => (this.#verdict ? source.next() : this.#look(source)),
          return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
        }
      },
    }
  }

  /** Bytes of the disk inside an image of `sizeBytes`, after its end; null when unknown. Glance knows none of size 0. */
  virtualSizeOf(sizeBytes: number): number | null {
    if (this.#verdict === null || this.#verdict.isRefused) return null
    return this.#verdict.virtualSizeOf(sizeBytes) || null
  }

  /** What an operator may want to know of an image that was let through. */
  get note(): string | null {
    return this.#verdict === null || this.#verdict.isRefused ? null : this.#verdict.note
  }

  async #look(source: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    const next = await source.next()
    if (next.done) this.#inspector.end()
    else this.#inspector.see(next.value)
    if (this.#inspector.isDecided) this.#conclude()
    return next
  }

  #conclude(): void {
    this.#verdict = judge(this.#diskFormat, this.#inspector.findings, this.#rules)
    if (this.#verdict.isRefused)
      throw new ImageError('UNSUPPORTED_MEDIA', this.#verdict.reason, { diskFormat: this.#diskFormat })
  }
}
