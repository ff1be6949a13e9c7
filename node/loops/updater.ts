/**
 * The updater: brings this node's chunks in line with the records it has learned. For an image with data that is placed
 * here it pulls the manifest, writes the references, then pulls the chunks it lacks; then the pins of its upload may go.
 * What deleted images leave is the chunk reaper's. `reconcile` is the one decision; every trigger only enqueues the image.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { TimeSlice } from '../images/time-slice.ts'
import { Loop } from './loop.ts'
import { WorkQueue, type Ticket } from './work-queue.ts'

export interface UpdaterComponents {
  clock: Clock
  random: Random
  log: Log
  holder: Pick<ImageHolder, 'isHeld' | 'pull' | 'unpin'>
  /** The settled record of an image as this node knows it; `live` false for a tombstone. */
  settled: (imageId: string) => { live: boolean; record: ImageRecord } | null
  /** Every image this node knows, tombstones included. */
  allImages: () => Iterable<string>
  /** Whether this node is to hold the image. */
  isPlacedHere: (imageId: string, record: ImageRecord) => boolean
  /** Until this node has caught up, its updater stands still (R11). */
  caughtUp: () => boolean
}

/** Everything is looked at again this often, whatever was missed. */
const SWEEP_EVERY_MS = 60_000
const TICK_MS = 500

export class Updater {
  readonly loop: Loop
  readonly #components: UpdaterComponents
  readonly #queue: WorkQueue
  #nextSweepMs = 0
  #isFirstSweep = true

  constructor(components: UpdaterComponents) {
    this.#components = components
    this.#queue = new WorkQueue(components.clock, components.random)
    const options = { name: 'updater', everyMs: TICK_MS, retryMs: TICK_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal), {
      queue: () => ({ depth: this.#queue.size, oldestAgeMs: this.#queue.oldestAgeMs }),
    })
  }

  /** The record of this image changed. */
  enqueue(imageId: string): void {
    this.#queue.add(imageId)
    this.loop.nudge()
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { caughtUp, clock } = this.#components
    if (!caughtUp()) return
    if (clock.monotonicMs() >= this.#nextSweepMs) {
      this.#nextSweepMs = clock.monotonicMs() + SWEEP_EVERY_MS
      await this.#sweep(signal)
    }
    const slice = this.#slice()
    for (const ticket of this.#queue.due()) {
      signal.throwIfAborted()
      await this.#tryReconcile(ticket, signal)
      if (slice.isOver()) await slice.pause()
    }
  }

  /** Most images are in order, and there may be 100 000 of them: only those that may want work come into the queue. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const isFirst = this.#isFirstSweep
    const slice = this.#slice()
    for (const id of this.#components.allImages()) {
      if (slice.isOver()) await slice.pause()
      signal.throwIfAborted()
      if (this.#mayWantWork(id, isFirst)) this.#queue.add(id)
    }
    this.#isFirstSweep = false
  }

  /** After a start, pins may be left even of what is held. */
  #mayWantWork(id: string, isFirst: boolean): boolean {
    const { settled, holder } = this.#components
    const known = settled(id)
    if (!known?.record.data) return false
    return isFirst || (known.live && !holder.isHeld(known.record.data.root))
  }

  #slice(): TimeSlice {
    return new TimeSlice(() => this.#components.clock.monotonicMs())
  }

  async #tryReconcile(ticket: Ticket, signal: AbortSignal): Promise<void> {
    try {
      await this.#reconcile(ticket.name, signal)
      this.#queue.done(ticket)
    } catch (error) {
      if (signal.aborted) throw error
      this.#queue.failed(ticket)
      const { log } = this.#components
      const fields = { image: ticket.name, error: String(error) }
      // More of it is found while it is being healed: the store has said so, and it comes again at once.
      if (hasCode(error, 'CHUNK_DAMAGED')) log.debug(fields, 'an image is damaged further')
      else log.warn(fields, 'could not bring an image up to date yet')
    }
  }

  async #reconcile(id: string, signal: AbortSignal): Promise<void> {
    const { settled, holder, isPlacedHere } = this.#components
    const known = settled(id)
    if (!known?.record.data) return
    const { live, record } = known
    const { root, copies, uploadId } = known.record.data
    // A copy outside the placement stays: it may go only once every placed node has verified its own.
    if (live && !holder.isHeld(root) && isPlacedHere(id, record))
      await holder.pull({ imageId: id, root, copies }, signal)
    await holder.unpin(uploadId)
  }
}
