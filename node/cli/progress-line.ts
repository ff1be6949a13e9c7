/** One line that tells how far long work is: written over on a terminal, else a line now and then. */
import type { CliIo } from './cli-io.ts'

const LINES_EVERY_MS = 30_000
/** The last column stays free: some terminals begin a new line there. */
const WIDTH = 79

export class ProgressLine {
  readonly #io: Pick<CliIo, 'complain' | 'isTerminal'>
  #nextMs = performance.now() + LINES_EVERY_MS

  constructor(io: Pick<CliIo, 'complain' | 'isTerminal'>) {
    this.#io = io
  }

  show(text: string): void {
    const { isTerminal, complain } = this.#io
    if (isTerminal) return complain(`\r${text.slice(0, WIDTH).padEnd(WIDTH)}`)
    if (performance.now() < this.#nextMs) return
    this.#nextMs = performance.now() + LINES_EVERY_MS
    complain(`${text}\n`)
  }

  end(): void {
    if (this.#io.isTerminal) this.#io.complain(`\r${' '.repeat(WIDTH)}\r`)
  }
}
