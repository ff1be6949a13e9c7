/** Looks for all known formats in an image at once. An image that has two of them is told as both. */
import { FormatProbe } from './format-probe.ts'
import { IMAGE_FORMATS } from './image-formats.ts'
import type { Finding, FormatRules } from './image-format.ts'

export class ImageInspector {
  readonly #probes: readonly FormatProbe[]
  #undecided: readonly FormatProbe[]
  /** How much has passed; not counted any more once all is decided. */
  #position = 0

  constructor(rules: FormatRules) {
    this.#probes = IMAGE_FORMATS.map((format) => new FormatProbe(format, rules))
    this.#undecided = this.#probes
  }

  get isDecided(): boolean {
    return this.#undecided.length === 0
  }

  /** Bytes kept at the moment. */
  get capturedBytes(): number {
    return this.#probes.reduce((sum, { capturedBytes }) => sum + capturedBytes, 0)
  }

  /** Keeps nothing of `piece` but copies. */
  see(piece: Uint8Array): void {
    if (this.isDecided) return
    for (const probe of this.#undecided) probe.see(piece, this.#position)
    this.#position += piece.length
    this.#undecided = this.#undecided.filter(({ isDecided }) => !isDecided)
  }

  /** The image is over. */
  end(): void {
    for (const probe of this.#undecided) probe.end()
    this.#undecided = []
  }

  /** One for each format that was found. Whole once it is decided. */
  get findings(): Finding[] {
    return this.#probes.flatMap(({ finding }) => finding ?? [])
  }
}
