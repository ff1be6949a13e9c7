/**
 * The updater: brings this node's chunks in line with the records it has learned. An image that belongs here is pulled:
 * the manifest, the references, then the chunks that are lacking; one that belongs elsewhere is given up when every node
 * of its placement has verified its own copy. Then the pins of its upload may go. What deleted images leave is the chunk
 * reaper's. Every trigger only enqueues the image; `reconcileStep` is the one decision.
 *
 * The queue is in memory: all it holds follows from records and marks, and the first sweep after a start finds it again.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageSource } from '../data/image-reader.ts'
import type { MisplacedCopies } from '../data/misplaced-copies.ts'
import { storedData, type ImageData, type ImageRecord } from '../images/image-record.ts'
import { TimeSlice } from '../images/time-slice.ts'
import { Loop } from './loop.ts'
import type { OutNodes } from './out-nodes.ts'
import { reconcileStep } from './reconcile-image.ts'
import type { RepairPace } from './repair-pace.ts'
import { WorkQueue, type Ticket } from './work-queue.ts'

export interface UpdaterComponents {
  clock: Clock
  random: Random
  log: Log
  holder: Pick<ImageHolder, 'isHeld' | 'holding' | 'pull' | 'keepManifest' | 'unpin'>
  misplaced: Pick<MisplacedCopies, 'giveUp'>
  out: Pick<OutNodes, 'look'>
  pace: Pick<RepairPace, 'rate' | 'fix' | 'isResting'>
  /** The settled record of an image as this node knows it; `live` false for a tombstone. */
  settled: (imageId: string) => { live: boolean; record: ImageRecord } | null
  /** Every image this node knows, tombstones included. */
  allImages: () => Iterable<string>
  /** Whether this node is to hold the image now. */
  belongsHere: (imageId: string, data: ImageData) => boolean
  /** Whether this node votes. */
  isVoter: () => boolean
  /** Until this node has caught up, its updater stands still (R11). */
  caughtUp: () => boolean
}

/** Everything is looked at again this often, whatever was missed. */
const SWEEP_EVERY_MS = 60_000
const TICK_MS = 500
/** Small images cost round trips rather than bytes; the bytes are held back by the pace. */
const IMAGES_AT_ONCE = 4

/** The list of what is due is made anew after this time, so that what failed is not forgotten for what waits. */
const DUE_FOR_MS = 5000

/** What a sweep looks for: images that are lacking here, those that are misplaced as well, or everything. */
type SweepScope = 'lacking' | 'misplaced' | 'all'

/** Not everybody who should hold an image has it yet: it is tried again later, and nobody needs to be told. */
class NotYet extends Error {}

export class Updater {
  readonly loop: Loop
  readonly #components: UpdaterComponents
  readonly #queue: WorkQueue
  /** Of the queue, as it was up to DUE_FOR_MS ago. */
  #due: Ticket[] = []
  #dueUntilMs = 0
  #wake: () => void = () => {}
  #nextSweepMs = 0
  /** After a start, pins may be left even of what is in order. */
  #scope: SweepScope = 'all'

  constructor(components: UpdaterComponents) {
    this.#components = components
    const { pace } = components
    this.#queue = new WorkQueue(components.clock, components.random)
    const options = { name: 'updater', everyMs: TICK_MS, retryMs: TICK_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal), {
      queue: () => ({ depth: this.#queue.size, oldestAgeMs: this.#queue.oldestAgeMs }),
      rate: { describe: () => pace.rate, fix: (bytesPerSecond) => pace.fix(bytesPerSecond) },
      isResting: () => pace.isResting,
    })
  }

  /** The record of this image changed. */
  enqueue(imageId: string): void {
    this.#queue.add(imageId)
    this.#wake()
    this.loop.nudge()
  }

  /** Images may belong elsewhere than before: a node joined, left, is out or back, has another weight or zone. */
  placementChanged(): void {
    if (this.#scope === 'lacking') this.#scope = 'misplaced'
    this.#nextSweepMs = 0
    this.#wake()
    this.loop.nudge()
  }

  /** Goes on as long as anything is under way: a large image holds up nothing but its own place. */
  async #runOnce(signal: AbortSignal): Promise<void> {
    if (!this.#components.caughtUp()) return
    const underWay = new Map<string, Promise<void>>()
    const slice = this.#slice()
    try {
      do {
        if (slice.isOver()) await slice.pause()
        signal.throwIfAborted()
        await this.#lookAround(signal)
        this.#begin(underWay, signal)
        if (underWay.size > 0) await this.#untilNews(underWay.values())
      } while (underWay.size > 0)
    } finally {
      // Nothing goes on behind an operator's pause.
      await Promise.allSettled(underWay.values())
    }
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    const { clock, out } = this.#components
    if (out.look()) this.placementChanged()
    if (clock.monotonicMs() < this.#nextSweepMs) return
    this.#nextSweepMs = clock.monotonicMs() + SWEEP_EVERY_MS
    await this.#sweep(signal)
  }

  #begin(underWay: Map<string, Promise<void>>, signal: AbortSignal): void {
    const nowMs = this.#components.clock.monotonicMs()
    if (this.#due.length === 0 || nowMs >= this.#dueUntilMs) {
      this.#due = this.#queue.due().filter(({ name }) => !underWay.has(name))
      this.#dueUntilMs = nowMs + DUE_FOR_MS
    }
    while (underWay.size < IMAGES_AT_ONCE) {
      const ticket = this.#due.shift()
      if (!ticket) return
      if (underWay.has(ticket.name)) continue
      const work = this.#tryReconcile(ticket, signal).finally(() => underWay.delete(ticket.name))
      underWay.set(ticket.name, work)
      // Whether it was interrupted shows at the end of the run.
      work.catch(() => {})
    }
  }

  #untilNews(underWay: Iterable<Promise<void>>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#components.clock.after(TICK_MS, resolve)
      const wake = () => {
        cancel()
        resolve()
      }
      this.#wake = wake
      for (const work of underWay) work.then(wake, wake)
    })
  }

  /** Most images are in order, and there may be 100 000 of them: only those that may want work come into the queue. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const scope = this.#scope
    this.#scope = 'lacking'
    const slice = this.#slice()
    for (const id of this.#components.allImages()) {
      if (slice.isOver()) await slice.pause()
      if (signal.aborted) this.#scope = scope
      signal.throwIfAborted()
      if (this.#mayWantWork(id, scope)) this.#queue.add(id)
    }
  }

  #mayWantWork(id: string, scope: SweepScope): boolean {
    const { settled, holder, belongsHere } = this.#components
    const known = settled(id)
    const stored = known ? storedData(known.record) : []
    if (!known || stored.length === 0) return false
    if (scope === 'all') return true
    if (!known.live) return false
    return stored.some((data) => {
      const isHeld = holder.isHeld(data.root)
      if (scope === 'lacking') return !isHeld && belongsHere(id, data)
      return !isHeld || !belongsHere(id, data)
    })
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
      if (error instanceof NotYet) log.debug(fields, 'a misplaced copy stays for now')
      // More of it is found while it is being healed: the store has said so, and it comes again at once.
      else if (hasCode(error, 'CHUNK_DAMAGED')) log.debug(fields, 'an image is damaged further')
      else log.warn(fields, 'could not bring an image up to date yet')
    }
  }

  async #reconcile(id: string, signal: AbortSignal): Promise<void> {
    const { settled, holder } = this.#components
    const known = settled(id)
    if (!known) return
    for (const data of storedData(known.record)) {
      if (known.live) await this.#bringInOrder(id, data, signal)
      await holder.unpin(data.uploadId)
    }
  }

  async #bringInOrder(id: string, data: ImageData, signal: AbortSignal): Promise<void> {
    const { holder, isVoter, belongsHere } = this.#components
    const source: ImageSource = { imageId: id, root: data.root, copies: data.copies }
    const holding = holder.isHeld(data.root) ? 'whole' : await holder.holding(source, signal)
    const facts = { holding, belongsHere: belongsHere(id, data), keepsManifest: isVoter() }
    switch (reconcileStep(facts)) {
      case 'pull':
        return holder.pull(source, signal)
      case 'keep-manifest':
        return holder.keepManifest(source, signal)
      case 'give-up':
        return this.#giveUp(source, data.chunkSizeBytes, signal)
      case 'nothing':
    }
  }

  async #giveUp(source: ImageSource, chunkSizeBytes: number, signal: AbortSignal): Promise<void> {
    const { misplaced, holder, isVoter, log } = this.#components
    const outcome = await misplaced.giveUp(source, chunkSizeBytes, signal)
    if (outcome === 'later') throw new NotYet('not every node of the placement has verified its copy')
    if (outcome === 'wanted') return
    log.info({ image: source.imageId }, 'a copy that belongs elsewhere was given up')
    if (isVoter()) await holder.keepManifest(source, signal)
  }
}
