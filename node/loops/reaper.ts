/**
 * The reaper, first part: gives images back whose uploader or importer is gone, and those that wait for digests which nobody
 * computes. Any node may end the claim of a worker that is gone (worker-life.ts). The claim's own id decides inside the
 * register; time only proposes (architecture §3). Staged bytes that nobody imports end here, too.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import { failureOf } from '../images/image-operations.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageUpload, LocationHashing, StagedData } from '../images/image-record.ts'
import { isoSeconds } from '../images/image-times.ts'
import { Loop } from './loop.ts'
import { unlessOver } from './unless-over.ts'
import type { WorkerLife } from './worker-life.ts'

export interface ReaperComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply' | 'local'>
  /** Ids of the images that somebody uploads, imports, has staged or computes digests of, as this node knows. */
  claimedImages: () => string[]
  workers: WorkerLife
  /** Until this node has caught up, its reaper stands still (R11). */
  caughtUp: () => boolean
}

export interface ReaperOptions {
  /** How long staged bytes wait for their import. */
  stagedMs: number
}

const LOOK_EVERY_MS = 5000

export class Reaper {
  readonly loop: Loop
  readonly #components: ReaperComponents
  readonly #options: ReaperOptions

  constructor(components: ReaperComponents, reaperOptions: ReaperOptions) {
    this.#components = components
    this.#options = reaperOptions
    const options = { name: 'reaper', everyMs: LOOK_EVERY_MS, retryMs: LOOK_EVERY_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal))
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    if (!this.#components.caughtUp()) return
    for (const id of this.#components.claimedImages()) {
      signal.throwIfAborted()
      const { workers, registers } = this.#components
      const { upload, hashing, staged } = registers.local(id)?.record ?? {}
      if (upload && workers.isGone(upload, upload.uploadId)) await this.#giveBack(id, upload)
      if (hashing && workers.isGone(hashing, hashing.hashId)) await this.#endHashing(id, hashing)
      if (staged && !upload && this.#isForgotten(staged)) await this.#expire(id, staged)
    }
  }

  /** By this node's clock: a wrong one ends them early or late. */
  #isForgotten({ stagedAt }: StagedData): boolean {
    return this.#components.clock.wallMs() - Date.parse(stagedAt) >= this.#options.stagedMs
  }

  async #expire(id: string, { uploadId, stagedAt }: StagedData): Promise<void> {
    const { registers, log } = this.#components
    await unlessOver(async () => {
      await registers.apply(id, 'image.expire-stage', { uploadId, now: this.#now() })
      log.warn({ image: id, stagedAt }, 'staged bytes were never imported: their image is queued again')
    })
  }

  async #giveBack(id: string, upload: ImageUpload): Promise<void> {
    const { registers, log } = this.#components
    const { uploadId, node } = upload
    await unlessOver(async () => {
      const { status } = await registers.apply(id, failureOf(upload), { uploadId, now: this.#now() })
      log.warn({ image: id, node }, `the uploader is gone: its image is ${status}`)
    })
  }

  async #endHashing(id: string, { hashId, node }: LocationHashing): Promise<void> {
    const { registers, log } = this.#components
    await unlessOver(async () => {
      await registers.apply(id, 'image.abort-hash', { hashId, now: this.#now() })
      log.warn(
        { image: id, node },
        'nobody computes the digests of an image any more: it does not wait for them',
      )
    })
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}
