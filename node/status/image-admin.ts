/** What operators do to deleted images that still wait for their end, behind the operator port. */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { isoSeconds } from '../images/image-times.ts'

export interface ImageAdminComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply' | 'freshen'>
  /** Images that wait for their deletion, as this node knows. */
  pendingImages: () => ImageRecord[]
}

export interface DeletedImage {
  id: string
  name: string | null
  owner: string | null
  /** Bytes. */
  size: number | null
  deletedAt: string | null
}

export interface DeletedImagesDocument {
  images: DeletedImage[]
}

export class ImageAdmin {
  readonly #components: ImageAdminComponents

  constructor(components: ImageAdminComponents) {
    this.#components = components
  }

  /** Those deleted last come first. Throws NO_QUORUM. */
  async deleted(): Promise<DeletedImagesDocument> {
    await this.#components.registers.freshen()
    const images = this.#components.pendingImages().map(describe)
    return { images: images.toSorted((a, b) => ((a.deletedAt ?? '') < (b.deletedAt ?? '') ? 1 : -1)) }
  }

  /** Throws NOT_FOUND; CONFLICT when it does not wait for its deletion. */
  async restore(id: string): Promise<void> {
    const { registers, clock, log } = this.#components
    await registers.apply(id, 'image.restore', { now: isoSeconds(clock.wallMs()) })
    log.info({ image: id }, 'an operator has taken a deleted image back')
  }
}

function describe({ id, name, owner, size, deletedAt }: ImageRecord): DeletedImage {
  return { id, name, owner, size, deletedAt }
}
