/** Virtual time. Everything that happens follows from the seed, so a failing history can be run again. */
import { EventQueue } from './event-queue.ts'
import { SeededRandom } from './seeded-random.ts'
import { Trace } from './trace.ts'

/** After so many events the real event loop gets a turn: unhandled rejections surface, a parent's messages arrive. */
const EVENTS_PER_TURN = 2000

export class SimWorld {
  readonly random: SeededRandom
  readonly trace = new Trace()
  readonly #events = new EventQueue()
  #nowMs = 0
  #stamps = 0
  #ran = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** How many events ran so far. */
  get eventsRun(): number {
    return this.#ran
  }

  /** A number above all given out before: orders what happens at one moment, too. */
  stamp(): number {
    return ++this.#stamps
  }

  /** Calls `action` once in `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void {
    const event = this.#events.push(this.#nowMs + Math.max(0, delayMs), action)
    return () => {
      event.action = null
    }
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Runs what is due up to `untilMs`. Rejects with what an event throws. */
  run(untilMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        const event = this.#events.popDue(untilMs)
        if (!event) {
          this.#nowMs = untilMs
          return resolve()
        }
        this.#nowMs = event.atMs
        try {
          event.action?.()
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)))
        }
        if (++this.#ran % EVENTS_PER_TURN === 0) setImmediate(step)
        else afterMicrotasks(step)
      }
      setImmediate(step)
    })
  }
}

/**
 * Calls `next` when every promise that can settle has settled, at a fraction of what setImmediate costs: Node empties
 * the whole microtask queue before it looks at the tick queue again, and this enters the tick queue from a microtask.
 */
function afterMicrotasks(next: () => void): void {
  queueMicrotask(() => process.nextTick(next))
}
