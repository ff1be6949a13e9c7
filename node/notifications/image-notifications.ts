/**
 * What consumers of Glance's notifications read of images (glance-api.md §14). Told by the node that an operation was asked
 * for, when it is decided: each event once. Images that are moved here from another store were told of there.
 */
import type { AppliedChange } from '../images/image-registers.ts'
import type { ImageMember, ImageRecord } from '../images/image-record.ts'
import type { StartUploadArgs } from '../images/image-operations.ts'
import type { Caller } from '../images/image-requests.ts'
import type { BeginImportArgs } from '../images/import-operations.ts'
import type { Notifier } from './notifier.ts'

type Told = Pick<Notifier, 'notify'>
type OperationName = AppliedChange['name']

const UPDATED = ['image.update']
const FILLED = ['image.upload', 'image.activate', 'image.update']
/** By operation. What is not named is told to nobody. */
const EVENTS: Readonly<Partial<Record<OperationName, readonly string[]>>> = {
  'image.create': ['image.create'],
  'image.patch': UPDATED,
  'image.patch-locations': UPDATED,
  'image.patch-protected': UPDATED,
  'image.put': UPDATED,
  'image.add-tag': UPDATED,
  'image.remove-tag': UPDATED,
  'image.deactivate': UPDATED,
  'image.reactivate': UPDATED,
  'image.restore': UPDATED,
  'image.import-location': UPDATED,
  'image.start-upload': ['image.update', 'image.prepare'],
  'image.finish-upload': FILLED,
  'image.begin-import': ['image.update', 'image.prepare'],
  'image.import-staged': FILLED,
  'image.import-changed-stage': FILLED,
  'image.finish-changed-import': FILLED,
  'image.activate-import': FILLED,
  'image.activate-staged': FILLED,
  // Of a copy, too, which does not make its image active: that is seen below.
  'image.finish-import': FILLED,
  'image.delete': ['image.delete'],
  'image.delete-later': ['image.delete'],
}
const MEMBER_EVENTS: Readonly<Partial<Record<OperationName, string>>> = {
  'image.add-member': 'image.member.create',
  'image.answer-member': 'image.member.update',
  'image.remove-member': 'image.member.delete',
}
const FAILURES: readonly OperationName[] = ['image.abort-upload', 'image.kill-upload', 'image.fail-import']
const COPIED: readonly string[] = ['active', 'deactivated', 'pending_delete']
const IMPORTING = { os_glance_importing_to_stores: [], os_glance_failed_import: [] }
const EXTRAS: Readonly<Record<string, object>> = {
  'image.prepare': IMPORTING,
  'image.upload': IMPORTING,
}

export class ImageNotifications {
  readonly #notifier: Told

  readonly #clusterStore: string

  /** `clusterStore`: the id under which callers know the cluster's own store. */
  constructor(notifier: Told, clusterStore: string) {
    this.#notifier = notifier
    this.#clusterStore = clusterStore
  }

  readonly onApplied = (change: AppliedChange): void => {
    const { id, name, record } = change
    const member = MEMBER_EVENTS[name]
    if (member !== undefined) return this.#member(member, change)
    if (FAILURES.includes(name))
      return this.#notifier.notify('image.upload', 'ERROR', `The upload of data for image ${id} has failed.`)
    const events = EVENTS[name] ?? []
    for (const event of isCopy(change) ? events.filter((each) => each !== 'image.activate') : events)
      this.#notifier.notify(event, 'INFO', {
        ...imagePayload(record, event === 'image.delete'),
        ...EXTRAS[event],
        ...(event === 'image.prepare' && { backend: this.#backendOf(change) }),
      })
  }

  /** A read of data is over: how much was read of how much was wanted. */
  readonly onRead = (caller: Caller, image: ImageRecord, readBytes: number, wantedBytes: number): void => {
    this.#notifier.notify('image.send', readBytes === wantedBytes ? 'INFO' : 'ERROR', {
      bytes_sent: readBytes,
      image_id: image.id,
      owner_id: image.owner,
      receiver_tenant_id: caller.projectId,
      receiver_user_id: caller.userId,
    })
  }

  /** The store that the bytes are on their way to; the first of several. */
  #backendOf({ name, args }: AppliedChange): string {
    const { stores, upload } = args as Partial<BeginImportArgs & StartUploadArgs>
    const named = name === 'image.begin-import' ? stores?.[0] : upload?.objects?.[0]?.store
    return named ?? this.#clusterStore
  }

  #member(event: string, { id, args, before, record }: AppliedChange): void {
    const memberId = (args as { memberId?: unknown }).memberId
    const isGone = event === 'image.member.delete'
    const among = (isGone ? before?.members : record.members) ?? []
    const member = among.find((each) => each.memberId === memberId)
    if (member)
      this.#notifier.notify(event, 'INFO', memberPayload(id, member, isGone ? record.updatedAt : null))
  }
}

/** The bytes are a further copy of an image that was in use before, and is. */
function isCopy({ name, before }: AppliedChange): boolean {
  return name === 'image.finish-import' && before !== null && COPIED.includes(before.status)
}

function imagePayload(image: ImageRecord, isDeleted: boolean): object {
  return {
    id: image.id,
    name: image.name,
    status: image.status,
    created_at: image.createdAt,
    updated_at: image.updatedAt,
    min_disk: image.minDisk,
    min_ram: image.minRam,
    protected: image.protected,
    checksum: image.checksum,
    owner: image.owner,
    disk_format: image.diskFormat,
    container_format: image.containerFormat,
    size: image.size,
    virtual_size: image.virtualSize,
    is_public: image.visibility === 'public',
    visibility: image.visibility,
    properties: image.properties,
    tags: image.tags,
    deleted: isDeleted,
    deleted_at: isDeleted ? (image.deletedAt ?? image.updatedAt) : null,
  }
}

function memberPayload(imageId: string, member: ImageMember, deletedAt: string | null): object {
  return {
    image_id: imageId,
    member_id: member.memberId,
    status: member.status,
    created_at: member.createdAt,
    updated_at: member.updatedAt,
    deleted: deletedAt !== null,
    deleted_at: deletedAt,
  }
}
