/** One client that asks one node for the same thing over and over, and how long it went without success. */

/** ms between an answer and the next request. */
const PAUSE_MS = 10

export interface LaneComponents {
  nowMs: () => number
  pause: (ms: number) => Promise<void>
}

/** Answers null for a success, else what was wrong. */
export type LaneRequest = () => Promise<string | null>

export interface LaneFailure {
  atMs: number
  what: string
}

export class SteadyLane {
  readonly name: string
  readonly failures: LaneFailure[] = []
  readonly #components: LaneComponents
  readonly #request: LaneRequest
  /** When each successful request began and was answered. */
  readonly #successes: { startMs: number; endMs: number }[] = []

  constructor(name: string, components: LaneComponents, request: LaneRequest) {
    this.name = name
    this.#components = components
    this.#request = request
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nowMs, pause } = this.#components
    while (!signal.aborted) {
      const startMs = nowMs()
      const what = await this.#request()
      const endMs = nowMs()
      if (what === null) this.#successes.push({ startMs, endMs })
      else this.failures.push({ atMs: endMs, what })
      await pause(PAUSE_MS)
    }
  }

  hasSucceededSince(sinceMs: number): boolean {
    return (this.#successes.at(-1)?.startMs ?? -Infinity) >= sinceMs
  }

  /** The longest time without an answer of success that touches `fromMs` to `toMs`. */
  longestGapMs(fromMs: number, toMs: number): number {
    let longest = 0
    let before = this.#successes[0]?.endMs ?? fromMs
    for (const { endMs } of this.#successes) {
      if (endMs > fromMs && before < toMs) longest = Math.max(longest, endMs - before)
      before = endMs
    }
    return longest
  }
}
