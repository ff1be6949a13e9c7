/**
 * The location API of 2.17 (glance-api.md §6.4): a queued image gets its bytes from elsewhere, and their digests are computed
 * behind the answer, before it is active or after. Who computes them has no lease, as uploads have none: `hashId` decides.
 */
import type { Decision } from '../../cluster/register/operations.ts'
import { onLiveImage, recheck, refuse, touch, write, type CalledArgs, type Timed } from './image-decisions.ts'
import type { ImageRecord, LocationHashing } from './image-record.ts'
import {
  changeLocations,
  locationsOf,
  refusalToActivate,
  type NewLocation,
  type ValidationData,
} from './location-rules.ts'

export interface ImportLocationArgs extends CalledArgs {
  location: NewLocation
  /** What holds of the bytes without being computed; null: nothing. */
  claimed: ValidationData | null
  /** The computation that follows; null: none does. */
  hashing: LocationHashing | null
  /** Locations per image; -1 = unlimited. */
  quota: number
}

export interface DropLocationArgs extends CalledArgs {
  url: string
}

export interface HashArgs extends Timed {
  hashId: string
}

export interface FinishHashArgs extends HashArgs {
  /** Hex. */
  md5: string
  /** Hex. */
  multihash: string
}

const importLocation = onLiveImage<ImportLocationArgs>(
  (record, { grant, location, claimed, hashing, quota, now }) => {
    const denied = recheck(grant, record)
    if (denied) return denied
    if (record.status !== 'queued')
      return refuse('CONFLICT', `It's not allowed to add locations if image status is ${record.status}.`)
    const next = changeLocations(record, { kind: 'add-location', at: null, location }, quota)
    const refusal = refusalToActivate(record) ?? ('code' in next ? next : null)
    if (refusal) return refuse(refusal.code, refusal.message)
    const active = next as ImageRecord
    if (!hashing) return write(touch({ ...active, ...digestsIn(claimed) }, now))
    const status = hashing.expected === null ? 'active' : 'importing'
    return write(touch({ ...active, status, hashing }, now))
  },
)

/** By its URL: places in the list are others when somebody else changes it. */
const dropLocation = onLiveImage<DropLocationArgs>((record, { grant, url, now }) => {
  const denied = recheck(grant, record)
  if (denied) return denied
  const at = locationsOf(record).findIndex((location) => location.url === url)
  if (at < 0) return refuse('NOT_FOUND', `Image ${record.id} is not in this store.`)
  const next = changeLocations(record, { kind: 'remove-location', at }, 0)
  return 'code' in next ? refuse(next.code, next.message) : write(touch(next, now))
})

const finishHash = onHashing<FinishHashArgs>((record, { md5, multihash, now }) => {
  const { hashing, ...rest } = record
  const expected = hashing?.expected ?? null
  if (expected !== null && expected !== multihash) return write(touch(withoutLocation(rest), now))
  const digests = { checksum: md5, hashAlgo: hashing?.hashAlgo ?? null, hashValue: multihash }
  const status = rest.status === 'importing' ? 'active' : rest.status
  return write(touch({ ...rest, ...digests, status }, now))
})

/** What an image is active with stays; one that waits for its digests gives its location back. */
const abortHash = onHashing<HashArgs>((record, { now }) => {
  const { hashing: _, ...rest } = record
  return rest.status === 'importing' ? write(touch(withoutLocation(rest), now)) : write(rest)
})

export const locationOperations = {
  'image.import-location': importLocation,
  'image.drop-location': dropLocation,
  'image.finish-hash': finishHash,
  'image.abort-hash': abortHash,
}

export interface LocationOperationArgs {
  'image.import-location': ImportLocationArgs
  'image.drop-location': DropLocationArgs
  'image.finish-hash': FinishHashArgs
  'image.abort-hash': HashArgs
}

function digestsIn(claimed: ValidationData | null): Partial<ImageRecord> {
  return claimed ? { hashAlgo: claimed.hashAlgo, hashValue: claimed.hashValue } : {}
}

function withoutLocation(record: ImageRecord): ImageRecord {
  const { locations: _, ...rest } = record
  return { ...rest, status: 'queued', size: null, virtualSize: null }
}

function onHashing<Args extends HashArgs>(decide: (record: ImageRecord, args: Args) => Decision) {
  return onLiveImage<Args>((record, args) =>
    record.hashing?.hashId === args.hashId
      ? decide(record, args)
      : refuse('CONFLICT', `Image ${record.id} no longer waits for these digests.`),
  )
}
