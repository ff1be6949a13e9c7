/**
 * Runs one piece of work at a time. A caller that comes while it runs shares the next run with all others who come
 * meanwhile: the one under way may have looked before the caller asked.
 */
export class SharedRun<T> {
  readonly #work: () => Promise<T>
  #current: Promise<T> | null = null
  #next: Promise<T> | null = null

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  /** Resolves with the result of a run that begins after this call. */
  run(): Promise<T> {
    if (this.#next) return this.#next
    if (!this.#current) return this.#begin()
    const begin = () => this.#begin()
    this.#next = this.#current.then(begin, begin)
    return this.#next
  }

  #begin(): Promise<T> {
    this.#next = null
    const run = this.#work()
    this.#current = run
    const end = () => {
      if (this.#current === run) this.#current = null
    }
    run.then(end, end)
    return run
  }
}
