/** The image service in memory, after its port: for tests of the façade. */
import { createHash, randomUUID } from 'node:crypto'
import { ImageError, type ImageErrorCode } from '../../node/errors.ts'
import { ImageGuard } from '../../node/images/image-guard.ts'
import { imageOperations, type ImageOperationArgs } from '../../node/images/image-operations.ts'
import type { ImageRule } from '../../node/images/image-policy.ts'
import type { ImageLocation, ImageMember, ImageRecord } from '../../node/images/image-record.ts'
import type {
  Answer,
  ByteLease,
  Caller,
  ImageBytes,
  ImageChange,
  ImageDraft,
  ImageFilter,
  ImagePage,
  ImageQuery,
  LocationRequest,
  ShownLocations,
} from '../../node/images/image-requests.ts'
import { isLocationChange, locationsOf } from '../../node/images/location-rules.ts'
import type { LimitsUsage } from '../../node/images/project-quotas.ts'
import type { ImageServicePort } from '../../node/images/image-service-port.ts'
import type { UploadTerms } from '../../node/images/image-uploader.ts'
import { canSee, membersSeenBy } from '../../node/images/visibility.ts'
import { defaultPolicy } from './default-policy.ts'

export interface StoredImage {
  record: ImageRecord
  data: Buffer | null
}

/** How the bytes of a download come; tests replace it. */
export type DataReader = (bytes: Buffer, signal: AbortSignal) => AsyncIterable<ByteLease>

export class FakeImageService implements ImageServicePort {
  readonly images = new Map<string, StoredImage>()
  /** Every query that `list` got. */
  readonly queries: ImageQuery[] = []
  /** The changes of every patch. */
  readonly patches: ImageChange[][] = []
  /** The stores that uploads named; null: none. */
  readonly namedStores: (string | null)[] = []
  /** The stores that downloads would rather have their image from. */
  readonly preferences: (readonly string[])[] = []
  /** The bodies of every request that added a location. */
  readonly locationRequests: LocationRequest[] = []
  /** What everybody is shown of where the bytes are. */
  shows = { locations: false, directUrl: false }
  stale = false
  /** Thrown by every call while set. */
  failure: Error | null = null
  /** Called with each piece of an upload; what it throws fails the upload. */
  onPiece: (piece: Uint8Array) => Promise<void> | void = () => {}
  /** Bodies that failed under a running upload. */
  readonly brokenBodies: unknown[] = []
  reader: DataReader = leasesOf
  releases = 0
  readonly #guard = new ImageGuard({ policy: defaultPolicy, read: () => Promise.resolve(null) })

  async create(caller: Caller, draft: ImageDraft): Promise<ImageRecord> {
    this.#mayFail()
    const id = draft.id ?? randomUUID()
    if (this.images.has(id)) throw new ImageError('CONFLICT', `Image ${id} exists already.`)
    const owner = draft.owner === undefined ? caller.projectId : draft.owner
    if (owner !== caller.projectId && !caller.isAdmin) throw new ImageError('FORBIDDEN', 'Not your project.')
    const record = newRecord(id, { ...draft, owner })
    this.images.set(id, { record, data: null })
    return record
  }

  async usage(): Promise<LimitsUsage> {
    this.#mayFail()
    return { image_count_total: { usage: this.images.size, limit: 7 } }
  }

  async show(caller: Caller, id: string): Promise<Answer<ImageRecord>> {
    return this.#answer(this.#visible(caller, id).record)
  }

  async list(caller: Caller, query: ImageQuery): Promise<Answer<ImagePage>> {
    this.#mayFail()
    this.queries.push(query)
    const all = [...this.images.values()].map(({ record }) => record).sort(byOrder(query))
    const wanted = all.filter(
      (image) => canSee(caller, image) && query.filters.every((one) => holds(one, image)),
    )
    const start = query.marker === null ? 0 : 1 + wanted.findIndex(({ id }) => id === query.marker)
    if (query.marker !== null && start === 0) throw new ImageError('INVALID', 'Unknown marker.')
    const images = wanted.slice(start, start + query.limit)
    return this.#answer({ images, more: query.limit > 0 && images.length === query.limit })
  }

  async patch(caller: Caller, id: string, changes: ImageChange[]): Promise<ImageRecord> {
    const stored = this.#visible(caller, id)
    this.patches.push(changes)
    const record = { ...stored.record, properties: { ...stored.record.properties } }
    for (const change of changes) applyChange(record, change)
    stored.record = record
    return record
  }

  async remove(caller: Caller, id: string): Promise<void> {
    const { record } = this.#visible(caller, id)
    if (record.protected) throw new ImageError('FORBIDDEN', 'The image is protected.')
    this.images.delete(id)
  }

  shownLocations(_caller: Caller, image: ImageRecord): ShownLocations {
    const locations = locationsOf(image)
    return {
      locations: this.shows.locations ? locations : null,
      directUrl: this.shows.directUrl ? (locations[0]?.url ?? null) : null,
    }
  }

  async locations(caller: Caller, id: string): Promise<readonly ImageLocation[]> {
    return locationsOf(this.#visible(caller, id).record)
  }

  async addLocation(caller: Caller, id: string, request: LocationRequest): Promise<void> {
    this.#visible(caller, id)
    this.locationRequests.push(request)
  }

  async upload(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
    terms?: UploadTerms,
  ): Promise<void> {
    const stored = this.#visible(caller, id)
    this.namedStores.push(terms?.store ?? null)
    if (stored.record.status !== 'queued') throw new ImageError('CONFLICT', 'The image is not queued.')
    if (stored.record.diskFormat === null) throw new ImageError('INVALID', 'The formats are not set.')
    stored.record = { ...stored.record, status: 'saving' }
    try {
      const data = await this.#receive(body)
      if (declaredSizeBytes !== null && declaredSizeBytes !== data.length) {
        throw new ImageError('INVALID', 'The size differs.')
      }
      const checksum = createHash('md5').update(data).digest('hex')
      stored.record = { ...stored.record, status: 'active', size: data.length, checksum }
      stored.data = data
    } catch (error) {
      stored.record = { ...stored.record, status: 'queued' }
      throw error
    }
  }

  async openData(
    caller: Caller,
    id: string,
    preferred: readonly string[] = [],
  ): Promise<Answer<ImageBytes | null>> {
    this.preferences.push(preferred)
    const { record, data } = this.#visible(caller, id)
    if (data === null) return this.#answer(null)
    return this.#answer({
      record,
      sizeBytes: data.length,
      read: (start, end, signal) => this.#counted(this.reader(data.subarray(start, end + 1), signal)),
    })
  }

  async members(caller: Caller, id: string): Promise<Answer<ImageMember[]>> {
    return this.#answer(membersSeenBy(caller, this.#visible(caller, id).record))
  }

  async member(caller: Caller, id: string, memberId: string): Promise<Answer<ImageMember>> {
    const { record } = this.#visible(caller, id)
    return this.#answer(memberOf({ members: membersSeenBy(caller, record) }, memberId))
  }

  async addMember(caller: Caller, id: string, memberId: string): Promise<ImageMember> {
    return memberOf(
      this.#apply(caller, id, 'add_member', 'image.add-member', { memberId, quota: 2 }),
      memberId,
    )
  }

  async answerMember(caller: Caller, id: string, memberId: string, status: string): Promise<ImageMember> {
    return memberOf(
      this.#apply(caller, id, 'modify_member', 'image.answer-member', { memberId, status }),
      memberId,
    )
  }

  async removeMember(caller: Caller, id: string, memberId: string): Promise<void> {
    this.#apply(caller, id, 'delete_member', 'image.remove-member', { memberId })
  }

  async addTag(caller: Caller, id: string, tag: string): Promise<void> {
    this.#apply(caller, id, 'modify_image', 'image.add-tag', { tag, quotas: { properties: -1, tags: 3 } })
  }

  async removeTag(caller: Caller, id: string, tag: string): Promise<void> {
    this.#apply(caller, id, 'modify_image', 'image.remove-tag', { tag })
  }

  async deactivate(caller: Caller, id: string): Promise<void> {
    this.#apply(caller, id, 'deactivate', 'image.deactivate', {})
  }

  async reactivate(caller: Caller, id: string): Promise<void> {
    this.#apply(caller, id, 'reactivate', 'image.reactivate', {})
  }

  /** The real operations and rules: there is nothing about them that a façade test would want otherwise. */
  #apply(
    caller: Caller,
    id: string,
    rule: ImageRule,
    name: keyof ImageOperationArgs,
    args: object,
  ): ImageRecord {
    const stored = this.#visible(caller, id)
    const { record } = stored
    const grant = this.#guard.requireOn(record, caller, rule)
    const now = record.updatedAt
    const decision = imageOperations[name]?.({ live: true, record }, { ...args, grant, now })
    if (decision?.kind === 'refuse')
      throw new ImageError(decision.refusal.code as ImageErrorCode, decision.refusal.message)
    if (decision?.kind === 'write') stored.record = decision.next.record as ImageRecord
    return stored.record
  }

  async *#counted(leases: AsyncIterable<ByteLease>): AsyncGenerator<ByteLease> {
    for await (const lease of leases) {
      yield {
        bytes: lease.bytes,
        release: () => {
          this.releases++
          lease.release()
        },
      }
    }
  }

  async #receive(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
    const pieces: Uint8Array[] = []
    const pull = body[Symbol.asyncIterator]()
    for (;;) {
      const next = await pull.next().catch((error: unknown) => {
        this.brokenBodies.push(error)
        throw error
      })
      if (next.done) return Buffer.concat(pieces)
      await this.onPiece(next.value)
      pieces.push(next.value)
    }
  }

  #visible(caller: Caller, id: string): StoredImage {
    this.#mayFail()
    const stored = this.images.get(id)
    if (!stored || !canSee(caller, stored.record))
      throw new ImageError('NOT_FOUND', `No image with id ${id}.`)
    return stored
  }

  #answer<T>(value: T): Answer<T> {
    return { value, stale: this.stale }
  }

  #mayFail(): void {
    if (this.failure) throw this.failure
  }
}

/** `data` in leases of 64 KiB. */
export async function* leasesOf(data: Buffer): AsyncGenerator<ByteLease> {
  const leaseBytes = 64 * 1024
  for (let at = 0; at < data.length; at += leaseBytes) {
    yield { bytes: data.subarray(at, at + leaseBytes), release() {} }
  }
}

function newRecord(id: string, draft: ImageDraft): ImageRecord {
  const now = `${new Date().toISOString().slice(0, 19)}Z`
  return {
    id,
    name: draft.name ?? null,
    status: 'queued',
    visibility: draft.visibility ?? 'shared',
    protected: draft.protected ?? false,
    hidden: draft.hidden ?? false,
    owner: draft.owner ?? null,
    containerFormat: draft.containerFormat ?? null,
    diskFormat: draft.diskFormat ?? null,
    minDisk: draft.minDisk ?? 0,
    minRam: draft.minRam ?? 0,
    size: null,
    virtualSize: null,
    checksum: null,
    hashAlgo: null,
    hashValue: null,
    createdAt: now,
    updatedAt: now,
    deletedAt: null,
    tags: draft.tags ?? [],
    properties: draft.properties ?? {},
    members: [],
    data: null,
    upload: null,
  }
}

function memberOf({ members }: Pick<ImageRecord, 'members'>, memberId: string): ImageMember {
  const member = members.find((known) => known.memberId === memberId)
  if (!member) throw new ImageError('NOT_FOUND', 'No such member.')
  return member
}

function applyChange(record: ImageRecord, change: ImageChange): void {
  // What they do is the register's, and tested there.
  if (isLocationChange(change)) return
  if (change.kind === 'set') {
    Object.assign(record, { [change.field]: change.value })
    return
  }
  const { op, name } = change
  const present = Object.hasOwn(record.properties, name)
  if (op === 'add' ? present && change.ifPresent === 'conflict' : !present) {
    throw new ImageError('CONFLICT', `Property ${name} is ${present ? '' : 'not '}there.`)
  }
  if (op === 'remove') delete record.properties[name]
  else record.properties[name] = change.value ?? null
}

function holds(filter: ImageFilter, image: ImageRecord): boolean {
  if ('tag' in filter) return image.tags.includes(filter.tag)
  if ('property' in filter) return image.properties[filter.property] === filter.value
  const value = image[filter.field]
  const [bound = null] = filter.values
  if (filter.op === 'in' || filter.op === 'eq') return filter.values.includes(value)
  if (filter.op === 'neq') return value !== bound
  if (value === null || bound === null) return false
  if (filter.op === 'gt') return value > bound
  if (filter.op === 'gte') return value >= bound
  return filter.op === 'lt' ? value < bound : value <= bound
}

function byOrder({ sort }: ImageQuery): (a: ImageRecord, b: ImageRecord) => number {
  return (a, b) => {
    for (const { key, direction } of [...sort, { key: 'id' as const, direction: 'desc' as const }]) {
      const [left, right] = [a[key] ?? '', b[key] ?? '']
      if (left !== right) return (left < right ? -1 : 1) * (direction === 'asc' ? 1 : -1)
    }
    return 0
  }
}
