/**
 * The reaper, first part: gives images back whose uploader is gone. An upload holds no lease; `saving` names the node and
 * the start of it that uploads. Any node may return the image to `queued` when that node shows another start, or was
 * silent for a minute; the node itself, when it no longer works on the upload. The upload id decides inside the register; time only proposes (architecture §3).
 */
import { hasCode } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageUpload } from '../images/image-record.ts'
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
  /** Ids of the images that are `saving`, as this node knows. */
  savingImages: () => string[]
  lifeOf: (node: NodeId) => Life
  /** Whether this node itself still works on the upload: one that it gave up may have left its image `saving`. */
  isRunningHere: (upload: UploadId) => boolean
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
    for (const id of this.#components.savingImages()) {
      signal.throwIfAborted()
      const upload = this.#components.registers.local(id)?.record.upload
      if (upload && this.#isGone(upload)) await this.#giveBack(id, upload)
    }
  }

  #isGone({ node, startNonce, uploadId }: ImageUpload): boolean {
    const { self, isRunningHere } = this.#components
    if (node === self) return !isRunningHere(uploadId)
    const life = this.#components.lifeOf(node)
    if (life.startNonce !== null) return life.startNonce !== startNonce
    return life.silentMs >= SILENT_MS_MAX
  }

  async #giveBack(id: string, { uploadId, node }: ImageUpload): Promise<void> {
    const { registers, clock, log } = this.#components
    try {
      await registers.apply(id, 'image.abort-upload', { uploadId, now: isoSeconds(clock.wallMs()) })
      log.warn({ image: id, node }, 'the uploader is gone: its image is queued again')
    } catch (error) {
      // Another node was faster, or the upload ended by itself after all.
      if (!hasCode(error, 'CONFLICT', 'NOT_FOUND')) throw error
    }
  }
}
