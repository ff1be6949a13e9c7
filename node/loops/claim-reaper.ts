/**
 * Ends the claims of what is no longer anybody's: pins of uploads that are over, references of roots that no image has.
 * Age proposes nothing here, the records decide, as a majority knows them: an upload writes its first pin after the record
 * says `saving` under its id, and it is fenced out for good as soon as no record names that id (architecture §4).
 */
import type { Log } from '../../cluster/runtime.ts'
import type { ChunkHash, UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import { storedData, type ImageRecord } from '../images/image-record.ts'
import type { ChunkStore } from '../store/chunk-store.ts'

export interface ClaimReaperComponents {
  log: Log
  chunks: Pick<ChunkStore, 'pinnedUploads' | 'unpin'>
  holder: Pick<ImageHolder, 'release'>
  /** Every live image that this node knows to be settled. */
  liveImages: () => Iterable<ImageRecord>
  /** Resolves when `liveImages` has every change acknowledged before the call. Throws NO_QUORUM. */
  freshen: () => Promise<void>
  /** Whether some learned record, settled or not, has these bytes. */
  isRootLearned: (root: ChunkHash) => Promise<boolean>
  /** The updater's: writes the references of a live image, as far as it belongs here, then ends its pins. */
  reconcile: (imageId: string) => void
}

export class ClaimReaper {
  readonly #components: ClaimReaperComponents

  constructor(components: ClaimReaperComponents) {
    this.#components = components
  }

  /** Ends the pins of each upload that no record names any more. Throws NO_QUORUM. */
  async settleUploads(): Promise<void> {
    const { chunks, freshen, reconcile, log } = this.#components
    // Listed before the records are asked: whoever pins later is judged the next time.
    const pinned = await chunks.pinnedUploads()
    if (pinned.length === 0) return
    await freshen()
    const owners = this.#owners()
    for (const { upload } of pinned) {
      const owner = owners.get(upload)
      if (owner && storedData(owner).some(({ uploadId }) => uploadId === upload)) reconcile(owner.id)
      if (owner) continue
      await chunks.unpin(upload)
      log.info({ upload }, 'the pins of an upload that is over were ended')
    }
  }

  /** Whether a root seems to be unwanted, by what this node knows; `releaseUnwanted` decides. */
  knownRoots(): ReadonlySet<ChunkHash> {
    const roots = new Set<ChunkHash>()
    for (const image of this.#components.liveImages())
      for (const { root } of storedData(image)) roots.add(root)
    return roots
  }

  /** Drops the references of those `roots` that no image has. Throws NO_QUORUM. */
  async releaseUnwanted(roots: readonly ChunkHash[]): Promise<void> {
    const { freshen, isRootLearned, holder, log } = this.#components
    if (roots.length === 0) return
    await freshen()
    const unlearned: ChunkHash[] = []
    for (const root of roots) if (!(await isRootLearned(root))) unlearned.push(root)
    // Last, and in one turn with the removal: nothing may be learned in between.
    const known = this.knownRoots()
    const unwanted = unlearned.filter((root) => !known.has(root))
    if (unwanted.length === 0) return
    const references = await holder.release(unwanted)
    log.info({ roots: unwanted.length, references }, 'what no image has any more was let go')
  }

  #owners(): Map<UploadId, ImageRecord> {
    const owners = new Map<UploadId, ImageRecord>()
    for (const record of this.#components.liveImages()) {
      for (const { uploadId } of storedData(record)) owners.set(uploadId, record)
      if (record.upload) owners.set(record.upload.uploadId, record)
    }
    return owners
  }
}
