/**
 * The scrubber: ends images that were deleted with `delayed_delete` when their time has come, as glance-scrubber does. It
 * only makes tombstones of them; their bytes are then nobody's, and the chunk reaper's. Whether an image was taken back
 * meanwhile is decided in its register.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { isoSeconds } from '../images/image-times.ts'
import { Loop } from './loop.ts'
import { unlessOver } from './unless-over.ts'

export interface ScrubberComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  /** Images that wait for their deletion, as this node knows. */
  pendingImages: () => ImageRecord[]
  /** Whether this node is the one that sees to an image now: all of them at once would only be in each other's way. */
  seesTo: (imageId: string) => boolean
  /** Until this node has caught up, it stands still (R11). */
  caughtUp: () => boolean
}

export interface ScrubberOptions {
  /** How long a deleted image can be taken back. */
  keepMs: number
}

const LOOK_EVERY_MS = 10_000
/** So long beyond its time every node sees to an image: the one that should may have fallen ill. */
const OVERDUE_MS = 60_000
/** Two rounds of votes each, one after the other; the rest comes at the next look. */
const IMAGES_PER_RUN_MAX = 500

export class Scrubber {
  readonly loop: Loop
  readonly #components: ScrubberComponents
  readonly #options: ScrubberOptions

  constructor(components: ScrubberComponents, options: ScrubberOptions) {
    this.#components = components
    this.#options = options
    const loopOptions = { name: 'scrubber', everyMs: LOOK_EVERY_MS, retryMs: LOOK_EVERY_MS }
    this.loop = new Loop(components, loopOptions, (signal) => this.#runOnce(signal), {
      queue: () => this.#queue(),
    })
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { caughtUp, pendingImages } = this.#components
    if (!caughtUp()) return
    const due = pendingImages().filter((image) => this.#isDue(image))
    for (const image of due.slice(0, IMAGES_PER_RUN_MAX)) {
      signal.throwIfAborted()
      await this.#scrub(image)
    }
  }

  /** By this node's clock: a wrong one ends images early or late, and never one that nobody deleted. */
  #isDue({ id, deletedAt }: ImageRecord): boolean {
    const overdueMs = this.#ageMs(deletedAt) - this.#options.keepMs
    return overdueMs >= (this.#components.seesTo(id) ? 0 : OVERDUE_MS)
  }

  #ageMs(deletedAt: string | null): number {
    return this.#components.clock.wallMs() - Date.parse(deletedAt ?? '')
  }

  async #scrub({ id, deletedAt }: ImageRecord): Promise<void> {
    const { registers, clock, log } = this.#components
    const args = { deletedAt: deletedAt ?? '', now: isoSeconds(clock.wallMs()) }
    await unlessOver(async () => {
      await registers.apply(id, 'image.scrub', args)
      log.info({ image: id }, 'the time of a deleted image is over')
    })
  }

  #queue(): { depth: number; oldestAgeMs: number } {
    const ages = this.#components.pendingImages().map(({ deletedAt }) => this.#ageMs(deletedAt))
    return { depth: ages.length, oldestAgeMs: ages.reduce((oldest, age) => Math.max(oldest, age), 0) }
  }
}
