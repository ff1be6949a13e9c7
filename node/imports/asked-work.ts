/**
 * Work on single images that takes longer than a request: the first request begins it, the next ones ask how far it is, and who
 * asks when it ends is told its end. Nothing of it is kept: what it has come to stands in the records, and what has failed is
 * begun anew.
 */
import { sleep, stopController, type Clock } from '../../cluster/runtime.ts'

/** What whoever asks is told meanwhile. */
export interface Progress<Step extends string> {
  state: Step
  /** Of the image, and those that this step has dealt with. */
  sizeBytes: number
  doneBytes: number
}

interface Running<Step extends string, End> {
  /** What exactly was asked for. */
  order: string
  progress: Progress<Step>
  ended: Promise<void>
  stop: AbortController
  end: Ended<End> | null
}

type Ended<End> = { value: End } | { error: unknown }

/** Those that wait for their turn included: each holds an image. */
const RUNNING_MAX = 32
/** An answer waits so long for the end, so that small images need one request, ms. */
const ANSWER_WAIT_MS = 1000

export class AskedWork<Step extends string, End> {
  readonly #clock: Clock
  readonly #running = new Map<string, Running<Step, End>>()
  readonly #stopping = stopController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isRunning(imageId: string): boolean {
    return this.#running.has(imageId)
  }

  /** Of what runs for an image, when it is this that was asked for: its end, when that comes soon, or how far it is. Throws as it. */
  async join(imageId: string, order: unknown): Promise<End | Progress<Step> | null> {
    const running = this.#running.get(imageId)
    return running?.order === JSON.stringify(order) ? this.#answer(running) : null
  }

  /**
   * Begins it, or joins it; null: something else runs for that image, or too much runs. `work` notes its progress, and ends soon
   * after the signal.
   */
  async begin(
    imageId: string,
    { order, progress }: { order: unknown; progress: Progress<Step> },
    work: (progress: Progress<Step>, signal: AbortSignal) => Promise<End>,
  ): Promise<End | Progress<Step> | null> {
    if (this.isRunning(imageId)) return this.join(imageId, order)
    if (this.#running.size >= RUNNING_MAX) return null
    const stop = stopController()
    const signal = AbortSignal.any([stop.signal, this.#stopping.signal])
    const ended = work(progress, signal).then(
      (value) => this.#noteEnd(imageId, { value }),
      (error: unknown) => this.#noteEnd(imageId, { error }),
    )
    const running = { order: JSON.stringify(order), progress, ended, stop, end: null }
    this.#running.set(imageId, running)
    return this.#answer(running)
  }

  abort(imageId: string, reason: Error): void {
    this.#running.get(imageId)?.stop.abort(reason)
  }

  /** Resolves when nothing runs any more. */
  async stop(reason: Error): Promise<void> {
    this.#stopping.abort(reason)
    await Promise.all([...this.#running.values()].map(({ ended }) => ended))
  }

  async #answer(running: Running<Step, End>): Promise<End | Progress<Step>> {
    const patience = new AbortController()
    await Promise.race([running.ended, sleep(this.#clock, ANSWER_WAIT_MS, patience.signal).catch(() => {})])
    patience.abort()
    const { end, progress } = running
    if (!end) return { ...progress }
    if ('error' in end) throw end.error
    return end.value
  }

  #noteEnd(imageId: string, end: Ended<End>): void {
    this.#running.get(imageId)!.end = end
    this.#running.delete(imageId)
  }
}
