/**
 * How long the event loop kept others waiting of late. Everything of a node but hashing, disk and database passes through
 * that loop: a delay here is a delay of every answer.
 */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'
import type { Clock } from '../../cluster/runtime.ts'

/** Of the last two windows at most, so that an old hiccup does not stay for ever. */
export interface LoopDelay {
  p99Ms: number
  maxMs: number
}

/** Long enough for a 99th percentile of some 1000 samples. */
const WINDOW_MS = 10_000
/** The histogram counts the time between two ticks of a timer with this period, ms: the delay is what goes beyond. */
const TICK_MS = 10
const NS_PER_MS = 1e6

export class EventLoopDelay {
  readonly #clock: Clock
  readonly #histogram: IntervalHistogram
  #before: LoopDelay = { p99Ms: 0, maxMs: 0 }
  #cancel: () => void = () => {}

  constructor(clock: Clock, histogram = monitorEventLoopDelay({ resolution: TICK_MS })) {
    this.#clock = clock
    this.#histogram = histogram
  }

  start(): void {
    this.#histogram.enable()
    this.#cancel = this.#clock.after(WINDOW_MS, () => this.#beginWindow())
  }

  stop(): void {
    this.#cancel()
    this.#histogram.disable()
  }

  /** The worse of the window that ended last and the one under way. */
  get recent(): LoopDelay {
    const now = this.#underWay()
    return {
      p99Ms: Math.max(now.p99Ms, this.#before.p99Ms),
      maxMs: Math.max(now.maxMs, this.#before.maxMs),
    }
  }

  #beginWindow(): void {
    this.#before = this.#underWay()
    this.#histogram.reset()
    this.#cancel = this.#clock.after(WINDOW_MS, () => this.#beginWindow())
  }

  #underWay(): LoopDelay {
    return { p99Ms: delayMs(this.#histogram.percentile(99)), maxMs: delayMs(this.#histogram.max) }
  }
}

function delayMs(betweenTicksNs: number): number {
  return Math.max(0, Math.round(betweenTicksNs / NS_PER_MS - TICK_MS))
}
