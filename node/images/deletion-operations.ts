/**
 * An image is deleted: at once, or later (`delayed_delete`, glance-api.md §7). One that waits for its end is a live record
 * with its bytes, which nobody sees any more: an operator may take it back until the scrubber makes a tombstone of it.
 */
import type { Decision } from '../../cluster/register/operations.ts'
import {
  onLiveImage,
  operation,
  recheck,
  refuse,
  touch,
  write,
  type CalledArgs,
  type Timed,
} from './image-decisions.ts'
import type { ImageRecord } from './image-record.ts'

export interface ScrubArgs extends Timed {
  /** When the image was deleted, as the scrubber saw it: one that was taken back and deleted again has its own time. */
  deletedAt: string
}

const remove = onLiveImage<CalledArgs>(
  (record, { grant, now }) => refusalToDelete(record, grant) ?? bury(record, now, now),
)

const removeLater = onLiveImage<CalledArgs>((record, { grant, now }) => {
  const refusal = refusalToDelete(record, grant)
  if (refusal) return refusal
  const { status } = record
  // Without bytes there is nothing that anybody would want back.
  if (status !== 'active' && status !== 'deactivated') return bury(record, now, now)
  return write(touch({ ...record, status: 'pending_delete', deletedFrom: status, deletedAt: now }, now))
})

const restore = onPendingImage<Timed>((record, { now }) => {
  const { deletedFrom = 'active', ...rest } = record
  return write(touch({ ...rest, status: deletedFrom, deletedAt: null }, now))
})

const scrub = onPendingImage<ScrubArgs>((record, { deletedAt, now }) =>
  record.deletedAt === deletedAt
    ? bury(record, deletedAt, now)
    : refuse('CONFLICT', `Image ${record.id} was deleted at another time.`),
)

export const deletionOperations = {
  'image.delete': remove,
  'image.delete-later': removeLater,
  'image.restore': restore,
  'image.scrub': scrub,
}

export interface DeletionOperationArgs {
  'image.delete': CalledArgs
  'image.delete-later': CalledArgs
  'image.restore': Timed
  'image.scrub': ScrubArgs
}

function refusalToDelete(record: ImageRecord, grant: CalledArgs['grant']): Decision | null {
  const denied = recheck(grant, record)
  if (denied) return denied
  if (!record.protected) return null
  return refuse('FORBIDDEN', `Image ${record.id} is protected and cannot be deleted.`)
}

/** `data` stays in the tombstone: the updater ends the pins of its upload by it. Locations may hold credentials. */
function bury(record: ImageRecord, deletedAt: string, now: string): Decision {
  const { locations: _, hashing: __, staged: ___, ...rest } = record
  const next = touch({ ...rest, status: 'deleted', upload: null, deletedAt }, now)
  return { kind: 'write', next: { live: false, record: next } }
}

function onPendingImage<Args>(decide: (record: ImageRecord, args: Args) => Decision) {
  return operation<Args>((current, args) => {
    if (!current?.live) return refuse('NOT_FOUND', 'No image found')
    const record = current.record as ImageRecord
    return record.status === 'pending_delete'
      ? decide(record, args)
      : refuse('CONFLICT', `Image ${record.id} is ${record.status} and does not wait for its deletion.`)
  })
}
