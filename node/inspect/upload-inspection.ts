/** Looks at the bytes of one upload while they pass to the store, and refuses what may not become an image. */
import { ImageError } from '../errors.ts'
import { judge, type Verdict } from './format-verdict.ts'
import type { FormatRules } from './image-format.ts'
import { ImageInspector } from './image-inspector.ts'

export class UploadInspection {
  readonly #diskFormat: string
  readonly #rules: FormatRules
  readonly #inspector: ImageInspector
  readonly #lets: 'what may pass' | 'everything'
  #verdict: Verdict | null = null

  /** `lets` everything: what is wrong is only told, by `refusal`. */
  constructor(
    diskFormat: string,
    rules: FormatRules,
    { lets = 'what may pass' }: { lets?: 'what may pass' | 'everything' } = {},
  ) {
    this.#diskFormat = diskFormat
    this.#rules = rules
    this.#lets = lets
    this.#inspector = new ImageInspector(rules)
  }

  /**
   * The pieces of `body` themselves, until a refusal is certain: mostly within the first 64 KiB. The rest, up to
   * `sizeBytesMax`, is then read and dropped before UNSUPPORTED_MEDIA is thrown: OpenStack's clients look for no answer while
   * they send, and take an early one for a broken connection. After a verdict that lets the image through, nothing but one
   * call stands between the reader and `body`.
   */
  watch(body: AsyncIterable<Uint8Array>, sizeBytesMax: number): AsyncIterable<Uint8Array> {
    return {
      [Symbol.asyncIterator]: () => {
        const source = body[Symbol.asyncIterator]()
        return {
          next: () => (this.#verdict ? source.next() : this.#look(source, sizeBytesMax)),
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

  /** Why the bytes may not become an image; null: they may, or it is not known yet. */
  get refusal(): string | null {
    return this.#verdict?.isRefused ? this.#verdict.reason : null
  }

  /** What an operator may want to know of an image that was let through. */
  get note(): string | null {
    return this.#verdict === null || this.#verdict.isRefused ? null : this.#verdict.note
  }

  async #look(source: AsyncIterator<Uint8Array>, sizeBytesMax: number): Promise<IteratorResult<Uint8Array>> {
    const next = await source.next()
    if (next.done) this.#inspector.end()
    else this.#inspector.see(next.value)
    if (!this.#inspector.isDecided) return next
    this.#verdict = judge(this.#diskFormat, this.#inspector.findings, this.#rules)
    if (!this.#verdict.isRefused || this.#lets === 'everything') return next
    if (!next.done) await dropRest(source, sizeBytesMax)
    throw new ImageError('UNSUPPORTED_MEDIA', this.#verdict.reason, { diskFormat: this.#diskFormat })
  }
}

async function dropRest(source: AsyncIterator<Uint8Array>, sizeBytesMax: number): Promise<void> {
  for (let dropped = 0; dropped <= sizeBytesMax;) {
    const next = await source.next()
    if (next.done) return
    dropped += next.value.length
  }
}
