/**
 * An image as the index keeps it: a record in all that can be read of it, in half of the memory. There may be 100 000 of
 * them, and the memory of a node is mostly these.
 */
import type { ImageRecord, ImageStatus, Visibility } from './image-record.ts'
import type { ImageTraits, TraitsPool } from './image-traits.ts'

/** Fields that few images have. */
type Rare = Pick<
  ImageRecord,
  | 'members'
  | 'upload'
  | 'deletedAt'
  | 'deletedFrom'
  | 'locations'
  | 'hashing'
  | 'arriving'
  | 'staged'
  | 'discarded'
>

const PLAIN: Rare = { members: [], upload: null, deletedAt: null }

export class IndexedImage implements ImageRecord {
  readonly id: string
  readonly name: string | null
  readonly size: number | null
  readonly virtualSize: number | null
  readonly checksum: string | null
  readonly hashValue: string | null
  readonly createdAt: string
  readonly updatedAt: string
  readonly properties: Record<string, string | null>
  readonly data: ImageRecord['data']
  readonly #traits: ImageTraits
  readonly #rare: Rare

  /** `pool`: what images have in common is kept once. */
  constructor(record: ImageRecord, pool: TraitsPool) {
    const { members, upload, deletedAt, deletedFrom, locations, hashing, arriving, staged, discarded } =
      record
    const { createdAt, updatedAt } = record
    this.id = record.id
    this.name = record.name
    this.size = record.size
    this.virtualSize = record.virtualSize
    this.checksum = record.checksum
    this.hashValue = record.hashValue
    this.createdAt = createdAt
    this.updatedAt = updatedAt === createdAt ? createdAt : updatedAt
    this.properties = record.properties
    this.data = record.data
    this.#traits = pool.of(record)
    const isOrdinary = !locations && !hashing && !arriving && !staged && !discarded
    const isPlain = isOrdinary && members.length === 0 && upload === null && deletedAt === null
    this.#rare = isPlain
      ? PLAIN
      : { members, upload, deletedAt, deletedFrom, locations, hashing, arriving, staged, discarded }
  }

  get status(): ImageStatus {
    return this.#traits.status
  }

  get visibility(): Visibility {
    return this.#traits.visibility
  }

  get protected(): boolean {
    return this.#traits.protected
  }

  get hidden(): boolean {
    return this.#traits.hidden
  }

  get owner(): string | null {
    return this.#traits.owner
  }

  get containerFormat(): string | null {
    return this.#traits.containerFormat
  }

  get diskFormat(): string | null {
    return this.#traits.diskFormat
  }

  get minDisk(): number {
    return this.#traits.minDisk
  }

  get minRam(): number {
    return this.#traits.minRam
  }

  get hashAlgo(): string | null {
    return this.#traits.hashAlgo
  }

  get tags(): string[] {
    return this.#traits.tags
  }

  get members(): ImageRecord['members'] {
    return this.#rare.members
  }

  get upload(): ImageRecord['upload'] {
    return this.#rare.upload
  }

  get deletedAt(): string | null {
    return this.#rare.deletedAt
  }

  get deletedFrom(): ImageRecord['deletedFrom'] {
    return this.#rare.deletedFrom
  }

  get locations(): ImageRecord['locations'] {
    return this.#rare.locations
  }

  get hashing(): ImageRecord['hashing'] {
    return this.#rare.hashing
  }

  get arriving(): ImageRecord['arriving'] {
    return this.#rare.arriving
  }

  get staged(): ImageRecord['staged'] {
    return this.#rare.staged
  }

  get discarded(): ImageRecord['discarded'] {
    return this.#rare.discarded
  }
}
