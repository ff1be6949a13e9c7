/** The record: everything Serac knows of one image. It is the value of the image's register (architecture §3). */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { HashAlgorithm } from '../data/hash-algorithms.ts'
import type { ChunkHash, UploadId } from '../../cluster/transfer/local-chunks.ts'

export const IMAGE_STATUSES = [
  'queued',
  'saving',
  'uploading',
  'importing',
  'active',
  'deactivated',
  'killed',
  'pending_delete',
  'deleted',
] as const
export type ImageStatus = (typeof IMAGE_STATUSES)[number]

export const VISIBILITIES = ['public', 'private', 'shared', 'community'] as const
export type Visibility = (typeof VISIBILITIES)[number]

export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const
export const DISK_FORMATS = [
  'ami',
  'ari',
  'aki',
  'vhd',
  'vhdx',
  'vmdk',
  'raw',
  'qcow2',
  'vdi',
  'iso',
  'ploop',
] as const

export const MEMBER_STATUSES = ['pending', 'accepted', 'rejected'] as const
export type MemberStatus = (typeof MEMBER_STATUSES)[number]

/** A project with which the image is shared, and what it said to that. */
export interface ImageMember {
  memberId: string
  status: MemberStatus
  /** Whether it may share the image with others, which V1 alone can say and do; absent: no. */
  canShare?: true
  createdAt: string
  updatedAt: string
}

/** Where the bytes are: the manifest's root chunk, and what was fixed when the upload began. */
export interface ImageData {
  root: ChunkHash
  chunkSizeBytes: number
  /** Wanted copies, fixed when the upload begins; null = every storage node. */
  copies: number | null
  /** The upload that brought the bytes: its pins may end once the image is active. */
  uploadId: UploadId
}

/**
 * The upload that owns a `saving` image, or the stage or import that owns another. `uploadId` decides; node and nonce let
 * others see that the uploader is gone.
 */
export interface ImageUpload {
  uploadId: UploadId
  node: NodeId
  startNonce: string
  /** What the client announced; counts as used storage until the data is there. Absent: it announced nothing. */
  reservedBytes?: number
  /**
   * What becomes of the image when nothing comes of it and nobody says why. kill: nobody may try again; unstage: it is `queued`
   * again, as without a word; end-import: it is what it was before the import; end-store-move: it stays where it was.
   */
  onFailure?: 'kill' | 'unstage' | 'end-import' | 'end-store-move'
  /** In back ends, where its bytes go, written down before the first one leaves. Absent: the bytes stay in the cluster. */
  objects?: StoredObject[]
}

/** Bytes that were sent ahead of an import (glance-api.md §9.2): stored as data is, and shown to nobody. */
export interface StagedData extends ImageData {
  sizeBytes: number
  /** Bytes of the disk inside; null when its format does not tell. */
  virtualSize: number | null
  /** Hex. */
  md5: string
  /** Hex. */
  sha512: string
  /** Why they cannot become the image's data as they are; null: nothing is known against it. */
  problem: string | null
  /** ISO-8601 with second precision and Z. */
  stagedAt: string
}

/** A place where the bytes may be had. The URL may hold credentials: it is for no log and no message. */
export interface ImageLocation {
  url: string
  /** What the caller says of the place, as JSON. */
  metadata: Record<string, unknown>
  /** Of the back end in which the image has an object of its own there; absent: what lies there is not ours. */
  store?: string
}

/** The computation of the digests of a location's bytes. `hashId` decides; node and nonce as in ImageUpload. */
export interface LocationHashing {
  hashId: string
  node: NodeId
  startNonce: string
  hashAlgo: HashAlgorithm
  /** The digest that must come out before the image is active, hex; null: it is active already, whatever comes out. */
  expected: string | null
}

/** What is known of an image that is moved here while its bytes are on their way (moved-image.ts). */
export interface ArrivingImage {
  /** What it is when they are there. */
  status: 'active' | 'deactivated'
  /** Bytes that must come; null: as many as come. */
  size: number | null
  virtualSize: number | null
  /** md5 that must come out, hex; null: nobody knows it. */
  checksum: string | null
  /** Any algorithm that can be computed here, as Glance names it (`sha256`); null: nobody knows it. */
  hashAlgo: string | null
  hashValue: string | null
  updatedAt: string
}

export interface ImageRecord {
  /** Lower-case UUID with dashes. */
  id: string
  name: string | null
  status: ImageStatus
  visibility: Visibility
  protected: boolean
  hidden: boolean
  owner: string | null
  containerFormat: string | null
  diskFormat: string | null
  /** GiB. */
  minDisk: number
  /** MiB. */
  minRam: number
  /** Bytes; null until the data is there. While `queued`, what V1 has announced of it, as `checksum` then is. */
  size: number | null
  /** Bytes of the disk inside; null until the data is there, and when its format does not tell. */
  virtualSize: number | null
  /** md5, hex. */
  checksum: string | null
  hashAlgo: string | null
  hashValue: string | null
  /** ISO-8601 with second precision and Z. */
  createdAt: string
  updatedAt: string
  deletedAt: string | null
  /** Of a `pending_delete` image, what it becomes when an operator takes it back; `active` when absent. */
  deletedFrom?: 'active' | 'deactivated' | undefined
  /** Sorted, each once. */
  tags: string[]
  /** Custom properties. */
  properties: Record<string, string | null>
  members: ImageMember[]
  data: ImageData | null
  upload: ImageUpload | null
  /** Every place with the bytes, as soon as callers have had a say in it; absent: `data`, if any. */
  locations?: ImageLocation[] | undefined
  /** While digests are computed. */
  hashing?: LocationHashing | undefined
  /** While its bytes come from the store that it is moved from. */
  arriving?: ArrivingImage | undefined
  /** Until they are imported. */
  staged?: StagedData | undefined
  /** Objects in back ends that the image no longer has, until they are deleted there; of tombstones, too. */
  discarded?: StoredObject[] | undefined
}

/** Everything that the cluster keeps of an image, whether or not anybody is served it. */
export function storedData({ data, staged }: Pick<ImageRecord, 'data' | 'staged'>): ImageData[] {
  return [data, staged].flatMap((stored) => stored ?? [])
}

/** Every field named, also one that may be absent: none can be forgotten where all are copied. */
type WholeRecord = { [Field in keyof Required<ImageRecord>]: ImageRecord[Field] }

/** The image with other properties. */
export function withProperties(image: ImageRecord, properties: ImageRecord['properties']): ImageRecord {
  const plain = plainImage(image)
  plain.properties = properties
  return plain
}

/**
 * A copy that can be spread. Whoever reads an image may have it from the index, and `...` takes no getter along: what came of
 * it would have neither status nor owner.
 */
export function plainImage(image: ImageRecord): ImageRecord {
  const whole: WholeRecord = {
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    protected: image.protected,
    hidden: image.hidden,
    owner: image.owner,
    containerFormat: image.containerFormat,
    diskFormat: image.diskFormat,
    minDisk: image.minDisk,
    minRam: image.minRam,
    size: image.size,
    virtualSize: image.virtualSize,
    checksum: image.checksum,
    hashAlgo: image.hashAlgo,
    hashValue: image.hashValue,
    createdAt: image.createdAt,
    updatedAt: image.updatedAt,
    deletedAt: image.deletedAt,
    deletedFrom: image.deletedFrom,
    tags: image.tags,
    properties: image.properties,
    members: image.members,
    data: image.data,
    upload: image.upload,
    locations: image.locations,
    hashing: image.hashing,
    arriving: image.arriving,
    staged: image.staged,
    discarded: image.discarded,
  }
  return whole
}
