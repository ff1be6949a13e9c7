/** Makes a failing schedule short enough to read: leaves out whatever the failure does not need (delta debugging). */
import type { Violation } from './checks/violation.ts'
import type { Schedule } from './schedule/schedule.ts'

/** What a schedule leads to. */
export type Trial = (schedule: Schedule) => Promise<readonly Violation[]>

export interface ShrinkOptions {
  /** Runs to spend. */
  runsMax: number
  nowMs: () => number
  /** Time to spend, ms. */
  timeMs: number
}

export async function shrink(schedule: Schedule, trial: Trial, options: ShrinkOptions): Promise<Schedule> {
  return new Shrinker(schedule, trial, options).run()
}

class Shrinker {
  readonly #trial: Trial
  readonly #options: ShrinkOptions
  readonly #deadlineMs: number
  #best: Schedule
  #kind: Violation['kind'] | null = null
  #runs = 0

  constructor(schedule: Schedule, trial: Trial, options: ShrinkOptions) {
    this.#best = schedule
    this.#trial = trial
    this.#options = options
    this.#deadlineMs = options.nowMs() + options.timeMs
  }

  async run(): Promise<Schedule> {
    this.#kind = (await this.#trial(this.#best))[0]?.kind ?? null
    if (this.#kind === null) return this.#best
    await this.#calmNetwork()
    await this.#leaveOut(this.#best.events, (events) => ({ ...this.#best, events }))
    await this.#leaveOutSteps()
    await this.#leaveOut(this.#best.events, (events) => ({ ...this.#best, events }))
    return this.#best
  }

  async #calmNetwork(): Promise<void> {
    for (const name of ['loss', 'duplication', 'straggling'] as const)
      await this.#accept({ ...this.#best, network: { ...this.#best.network, [name]: 0 } })
  }

  async #leaveOutSteps(): Promise<void> {
    for (let index = 0; index < this.#best.events.length; index++) {
      const event = this.#best.events[index]
      if (event?.kind !== 'session') continue
      await this.#leaveOut(event.steps, (steps) => ({
        ...this.#best,
        events: this.#best.events.with(index, { ...event, steps }),
      }))
    }
  }

  /** Leaves out halves, then quarters, and so on, as long as the failure stays. */
  async #leaveOut<T>(items: readonly T[], build: (items: T[]) => Schedule): Promise<void> {
    let left = [...items]
    for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < left.length && !this.#isSpent();) {
        const fewer = left.toSpliced(from, size)
        if (await this.#accept(build(fewer))) left = fewer
        else from += size
      }
    }
  }

  async #accept(candidate: Schedule): Promise<boolean> {
    if (this.#isSpent()) return false
    this.#runs++
    const violations = await this.#trial(candidate)
    if (!violations.some(({ kind }) => kind === this.#kind)) return false
    this.#best = candidate
    return true
  }

  #isSpent(): boolean {
    return this.#runs >= this.#options.runsMax || this.#options.nowMs() >= this.#deadlineMs
  }
}
