/** Looks for one format in an image that passes by in pieces of any size. */
import { captureOf, type Capture, type Wanted } from './capture.ts'
import { StructureError, type Finding, type FormatRules, type ImageFormat } from './image-format.ts'

type Inspecting = ReturnType<ImageFormat['inspect']>
type Step = ReturnType<Inspecting['next']>

export class FormatProbe {
  readonly #format: ImageFormat
  readonly #rules: FormatRules
  /** null before the head has matched. */
  #inspecting: Inspecting | null = null
  /** null once it is decided. */
  #capture: Capture | null
  #finding: Finding | null = null

  constructor(format: ImageFormat, rules: FormatRules) {
    this.#format = format
    this.#rules = rules
    this.#capture = captureOf(format.head, 0)
  }

  get isDecided(): boolean {
    return this.#capture === null
  }

  /** null: the image is not of this format, as far as is known. */
  get finding(): Finding | null {
    return this.#finding
  }

  /** Bytes that it keeps at the moment. */
  get capturedBytes(): number {
    return this.#capture?.bytes.length ?? 0
  }

  see(piece: Uint8Array, position: number): void {
    for (let capture = this.#capture; capture; capture = this.#answer(capture))
      if (!capture.take(piece, position)) return
  }

  /** The image is over: what was not there by now is not there. */
  end(): void {
    let capture = this.#capture
    while (capture) capture = this.#answer(capture)
  }

  /** Answers what is wanted next; null when it is decided. */
  #answer({ bytes, endAt }: Capture): Capture | null {
    if (this.#inspecting === null && !this.#format.matches(bytes)) return this.#decide(null)
    try {
      const step = this.#step(bytes)
      if (step.done) return this.#decide(step.value)
      return (this.#capture = captureOf(aheadOf(step.value, endAt), endAt))
    } catch (error) {
      if (!(error instanceof StructureError)) throw error
      const violations = [{ check: 'structure', reason: error.message }]
      return this.#decide({ virtualSizeOf: () => null, violations })
    }
  }

  #step(bytes: Buffer): Step {
    if (this.#inspecting !== null) return this.#inspecting.next(bytes)
    this.#inspecting = this.#format.inspect(bytes, this.#rules)
    return this.#inspecting.next()
  }

  #decide(found: Omit<Finding, 'format'> | null): null {
    this.#capture = null
    this.#finding = found && { format: this.#format.name, ...found }
    return null
  }
}

/** Nothing goes back in a stream. Well-formed images need it nowhere: what points comes before what it points to. */
function aheadOf(wanted: Wanted, seenTo: number): Wanted {
  if ('last' in wanted || wanted.at >= seenTo) return wanted
  throw new StructureError('a header points to what comes before it')
}
