/** Remembers answers for a bounded time, and asks one question once for all who need its answer now. */
import type { Clock } from '../../cluster/runtime.ts'

export interface AnswerCacheOptions {
  /** 0 = nothing is remembered. */
  keepMs: number
  /** The one that was asked for first goes first. */
  answersMax: number
}

export class AnswerCache<T> {
  readonly #clock: Clock
  readonly #options: AnswerCacheOptions
  /** `untilMs` is monotonic. */
  readonly #answers = new Map<string, { answer: T; untilMs: number }>()
  readonly #questions = new Map<string, Promise<T>>()

  constructor(clock: Clock, options: AnswerCacheOptions) {
    this.#clock = clock
    this.#options = options
  }

  /** Throws what `ask` throws, which is not remembered. */
  find(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(key)
    if (known && this.#clock.monotonicMs() < known.untilMs) return Promise.resolve(known.answer)
    const underWay = this.#questions.get(key)
    if (underWay) return underWay
    const asked = this.#ask(key, ask).finally(() => this.#questions.delete(key))
    this.#questions.set(key, asked)
    return asked
  }

  async #ask(key: string, ask: () => Promise<T>): Promise<T> {
    const { keepMs, answersMax } = this.#options
    // From before the question: what changes while it is answered is known no later than anything else.
    const untilMs = this.#clock.monotonicMs() + keepMs
    const answer = await ask()
    this.#answers.delete(key)
    if (keepMs <= 0) return answer
    this.#answers.set(key, { answer, untilMs })
    const [oldest] = this.#answers.keys()
    if (this.#answers.size > answersMax && oldest !== undefined) this.#answers.delete(oldest)
    return answer
  }
}
