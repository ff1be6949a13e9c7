/** Tells how far a move has come. */
import type { CliIo } from '../cli-io.ts'
import { ProgressLine } from '../progress-line.ts'
import { formatBytes } from '../status-view.ts'

const SHOWN_EVERY_MS = 500

export class MovingProgress {
  readonly #line: ProgressLine
  readonly #beganMs = performance.now()
  readonly #timer: NodeJS.Timeout
  #imagesTotal = 0
  #bytesTotal = 0
  #images = 0
  #bytes = 0
  #attention = 0
  #bytesSent = 0
  #bytesVerified = 0

  constructor(io: Pick<CliIo, 'complain' | 'isTerminal'>) {
    this.#line = new ProgressLine(io)
    this.#timer = setInterval(() => this.#show(), SHOWN_EVERY_MS)
  }

  /** Bytes that went over the wire, whatever became of them. */
  get bytesSent(): number {
    return this.#bytesSent
  }

  get seconds(): number {
    return (performance.now() - this.#beganMs) / 1000
  }

  expect(sizes: readonly (number | null)[]): void {
    this.#imagesTotal = sizes.length
    this.#bytesTotal = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
  }

  noteBytes(count: number): void {
    this.#bytesSent += count
  }

  /** Bytes that were read where they stay. */
  noteVerified(count: number): void {
    this.#bytesVerified += count
  }

  noteDone({ size, needsAttention }: { size: number | null; needsAttention: boolean }): void {
    this.#images++
    this.#bytes += size ?? 0
    if (needsAttention) this.#attention++
  }

  end(): void {
    clearInterval(this.#timer)
    this.#line.end()
  }

  #show(): void {
    const rate = formatBytes((this.#bytesSent + this.#bytesVerified) / Math.max(this.seconds, 1))
    const attention = this.#attention > 0 ? `, ${this.#attention} to look at` : ''
    this.#line.show(
      `${this.#images} of ${this.#imagesTotal} images, ${formatBytes(this.#bytes)} of ` +
        `${formatBytes(this.#bytesTotal)}, ${rate}/s${attention}`,
    )
  }
}
