/**
 * The reaper, first part: gives images back whose uploader is gone, and those that wait for digests which nobody computes.
 * Neither holds a lease; the record names the node and the start of it that is at work. Any node may end the claim when that
 * node shows another start, or was silent for a minute; the node itself, when it no longer works on it. The claim's own id
 * decides inside the register; time only proposes (architecture §3).
 */
import { hasCode } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { failureOf } from '../images/image-operations.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageUpload, LocationHashing } from '../images/image-record.ts'
import { isoSeconds } from '../images/image-times.ts'
import { Loop } from './loop.ts'

/** What this node knows of another's life. */
export interface Life {
  /** The start that answers now; null when none does. */
  startNonce: string | null
  /** Since when nothing was heard of it, by this node's monotonic clock; 0 while it answers. */
  silentMs: number
}

export interface ReaperComponents {
  self: NodeId
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply' | 'local'>
  /** Ids of the images that somebody uploads or computes digests of, as this node knows. */
  claimedImages: () => string[]
  lifeOf: (node: NodeId) => Life
  /** Whether this node itself still works on it: what it gave up may have left its image as it was. */
  isRunningHere: (claimId: string) => boolean
  /** Until this node has caught up, its reaper stands still (R11). */
  caughtUp: () => boolean
}

const LOOK_EVERY_MS = 5000
/** Longer than a restart of a node or of the network around it. */
const SILENT_MS_MAX = 60_000

export class Reaper {
  readonly loop: Loop
  readonly #components: ReaperComponents

  constructor(components: ReaperComponents) {
    this.#components = components
    const options = { name: 'reaper', everyMs: LOOK_EVERY_MS, retryMs: LOOK_EVERY_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal))
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    if (!this.#components.caughtUp()) return
    for (const id of this.#components.claimedImages()) {
      signal.throwIfAborted()
      const { upload, hashing } = this.#components.registers.local(id)?.record ?? {}
      if (upload && this.#isGone(upload, upload.uploadId)) await this.#giveBack(id, upload)
      if (hashing && this.#isGone(hashing, hashing.hashId)) await this.#endHashing(id, hashing)
    }
  }

  #isGone({ node, startNonce }: Pick<ImageUpload, 'node' | 'startNonce'>, claimId: string): boolean {
    const { self, isRunningHere } = this.#components
    if (node === self) return !isRunningHere(claimId)
    const life = this.#components.lifeOf(node)
    if (life.startNonce !== null) return life.startNonce !== startNonce
    return life.silentMs >= SILENT_MS_MAX
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

async function unlessOver(end: () => Promise<void>): Promise<void> {
  try {
    await end()
  } catch (error) {
    // Another node was faster, or it ended by itself after all.
    if (!hasCode(error, 'CONFLICT', 'NOT_FOUND')) throw error
  }
}
