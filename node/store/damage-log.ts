/** Says which chunks are damaged without flooding the log: a dying disk damages thousands within minutes. */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'

/** Lines for single chunks, per window: enough to see the pattern. The quarantine rows have all of them. */
const LINES_PER_WINDOW = 10
const WINDOW_MS = 60_000

export class DamageLog {
  readonly #clock: Clock
  readonly #log: Log
  #inWindow = 0
  #cancel: (() => void) | null = null

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  /** `details`: where the chunk lies and what is wrong with it. */
  report(hash: ChunkHash, details: object): void {
    this.#cancel ??= this.#clock.after(WINDOW_MS, () => this.#endWindow())
    if (++this.#inWindow > LINES_PER_WINDOW) return
    this.#log.error({ hash, ...details }, 'a chunk is damaged; it leaves the index')
  }

  /** Says what was held back so far. */
  close(): void {
    this.#cancel?.()
    this.#endWindow()
  }

  #endWindow(): void {
    const chunks = this.#inWindow - LINES_PER_WINDOW
    if (chunks > 0) this.#log.error({ chunks }, 'further chunks are damaged; they left the index')
    this.#inWindow = 0
    this.#cancel = null
  }
}
