/**
 * Ends any number of tasks at once. Each has a signal of its own: with one for all, every wait of every task is a listener
 * on it, and Node warns of a leak at the eleventh.
 */
export class AbortGroup {
  readonly #running = new Set<AbortController>()
  #reason: Error | null = null

  /** Runs `task`; its signal is aborted with the group, at once if that was before. Settles as the task does. */
  async run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    if (this.#reason) controller.abort(this.#reason)
    this.#running.add(controller)
    try {
      return await task(controller.signal)
    } finally {
      this.#running.delete(controller)
    }
  }

  /** Ends what runs, and what will be run. */
  abort(reason: Error): void {
    this.#reason ??= reason
    for (const controller of this.#running) controller.abort(this.#reason)
  }
}
