/** The image service: every use case of an image, and the only door to images for the façade. */
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { Backends } from '../backends/backends.ts'
import { ImageError } from '../errors.ts'
import { countedRead } from './counted-read.ts'
import { ImageGuard } from './image-guard.ts'
import type { ImageIndex } from './image-index.ts'
import { asText, type Grant, type ImagePolicy, type ImageRule, type PolicyTarget } from './image-policy.ts'
import { isLocationChange, storedObjects } from './location-rules.ts'
import {
  ImageLocations,
  type ImageLocationsComponents,
  type ImageLocationsOptions,
} from './image-locations.ts'
import type { ImageOpener } from './image-opener.ts'
import type { PatchQuotas } from './image-patch-rules.ts'
import { checkQuotas, isRefusal, normalTags } from './image-patch-rules.ts'
import type { ImageLocation, ImageMember, ImageRecord } from './image-record.ts'
import { isWithoutQuorum, noMajority, type ImageRegisters } from './image-registers.ts'
import type {
  Answer,
  Caller,
  ImageBytes,
  ImageChange,
  ImageDraft,
  ImagePage,
  ImageQuery,
  LocationRequest,
  ShownLocations,
} from './image-requests.ts'
import type { CreateTerms, ImageServicePort } from './image-service-port.ts'
import { isoSeconds } from './image-times.ts'
import type { ImageUploader, UploadTerms } from './image-uploader.ts'
import { requireNotInUse } from './objects-in-use.ts'
import type { ProjectLimits } from './project-limits.ts'
import { type LimitsUsage, ProjectQuotas } from './project-quotas.ts'
import { PropertyRights } from './property-rights.ts'
import { membersSeenBy } from './visibility.ts'

export interface ImageServiceComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  log: Log
  registers: Pick<ImageRegisters, 'newId' | 'apply' | 'read' | 'local' | 'freshen'>
  index: ImageIndex
  policy: ImagePolicy
  /** null: projects have none. */
  limits: ProjectLimits | null
  uploader: Pick<ImageUploader, 'upload'>
  opener: Pick<ImageOpener, 'open'>
  backends: Pick<Backends, 'isInUse'>
  outside: ImageLocationsComponents['outside']
  hasher: ImageLocationsComponents['hasher']
  locationTasks: ImageLocationsComponents['tasks']
  /** Told of each read of data that is over. */
  onRead?: ((caller: Caller, image: ImageRecord, readBytes: number, wantedBytes: number) => void) | undefined
}

export interface ImageServiceOptions {
  quotas: PatchQuotas
  /** Members per image; -1 = unlimited. */
  memberQuota: number
  /** Of all images of one project together; 0 = no limit. */
  storageQuotaBytes: number
  locations: ImageLocationsOptions
  /** Keep what is deleted until the scrubber takes it. */
  delayedDelete: boolean
  /** Answer lists from this node alone while there is no majority, flagged stale (R6). */
  staleLists: boolean
}

export class ImageService implements ImageServicePort {
  readonly #components: ImageServiceComponents
  readonly #options: ImageServiceOptions
  readonly #guard: ImageGuard
  readonly #locations: ImageLocations
  readonly #projectQuotas: ProjectQuotas

  constructor(components: ImageServiceComponents, options: ImageServiceOptions) {
    this.#components = components
    this.#options = options
    const { policy, registers } = components
    this.#projectQuotas = new ProjectQuotas(components, options)
    this.#guard = new ImageGuard({
      policy,
      read: (id) => registers.read(id),
      known: (id) => components.index.get(id) ?? null,
    })
    const requireRoom = async (image: ImageRecord, sizeBytes: number) => {
      await this.#projectQuotas.storageRoom(image, sizeBytes)
    }
    this.#locations = new ImageLocations(
      { ...components, tasks: components.locationTasks, guard: this.#guard, requireRoom },
      options.locations,
    )
  }

  async create(caller: Caller, draft: ImageDraft, terms?: CreateTerms): Promise<ImageRecord> {
    const owner = draft.owner === undefined ? caller.projectId : draft.owner || null
    this.#requireCreate(caller, draft, { owner, rules: terms?.rules ?? [] })
    await this.#projectQuotas.requireRoomForImage(caller)
    const rights = this.#rightsOf(caller)
    rights.requireCreate(draft.properties ?? {})
    const fresh = this.#newRecord(draft, owner)
    const record = terms ? { ...fresh, ...(await terms.bytes(fresh)) } : fresh
    const { quotas } = this.#options
    // The operation checks them as well. But an empty register has no place for a refusal, so that one on behalf of
    // another node could only end as OUTCOME_UNKNOWN (R4).
    const checked = checkQuotas(record, quotas)
    if (isRefusal(checked)) throw new ImageError(checked.code, checked.message)
    const isNewId = draft.id === undefined
    const { registers } = this.#components
    return rights.shown(await registers.apply(record.id, 'image.create', { record, quotas }, isNewId))
  }

  async show(caller: Caller, id: string): Promise<Answer<ImageRecord>> {
    const { value, stale } = await this.#find(caller, id)
    return { value: this.#rightsOf(caller).shown(value), stale }
  }

  async list(caller: Caller, query: ImageQuery): Promise<Answer<ImagePage>> {
    const { index } = this.#components
    this.#guard.require('get_images', caller, ownProject(caller))
    const stale = await this.#freshenIndex()
    if (query.marker !== null) {
      const marker = index.get(query.marker)
      if (!marker || !this.#guard.sees(caller, marker))
        throw stale
          ? noMajority()
          : new ImageError('INVALID', `The marker ${query.marker} could not be found.`)
    }
    const rights = this.#rightsOf(caller)
    if (!query.filters.every((filter) => rights.mayFilter(filter)))
      return { value: { images: [], more: false }, stale }
    // What the index holds is settled, and since it was freshened, nothing acknowledged before this call is missing.
    const { images, more } = await index.page(caller, query, this.#guard.rowTest(caller))
    return { value: { images: images.map((image) => rights.shown(image)), more }, stale }
  }

  async patch(caller: Caller, id: string, changes: ImageChange[]): Promise<ImageRecord> {
    const { registers } = this.#components
    const quotas = { ...this.#options.quotas, locations: this.#options.locations.quota }
    const rights = this.#rightsOf(caller)
    const protectedNames = rights.protectedAmong(changes)
    const rules = rulesOf(changes)
    const apply = (
      grant: Grant,
      measured: ImageChange[],
      operation: 'image.patch' | 'image.patch-locations',
    ) => {
      const args = { grant, changes: measured, quotas, now: this.#now() }
      return protectedNames
        ? registers.apply(id, 'image.patch-protected', { ...args, protectedNames })
        : registers.apply(id, operation, args)
    }
    const record = await (changes.some(isLocationChange)
      ? this.#guard.change(caller, id, rules, async (grant, image) =>
          apply(grant, await this.#locations.measured(image, changes), 'image.patch-locations'),
        )
      : this.#guard.amend(caller, id, rules, (grant) => apply(grant, changes, 'image.patch')))
    return rights.shown(record)
  }

  async remove(caller: Caller, id: string): Promise<void> {
    const operation = this.#options.delayedDelete ? 'image.delete-later' : 'image.delete'
    const { registers, backends } = this.#components
    await this.#guard.change(caller, id, ['delete_image'], async (grant, image) => {
      // One that is kept for now is not taken from under anything; nor is one that the operation refuses.
      if (operation === 'image.delete' && !image.protected)
        await requireNotInUse(backends, id, storedObjects(image))
      await registers.apply(id, operation, { grant, now: this.#now() })
    })
  }

  async members(caller: Caller, id: string): Promise<Answer<ImageMember[]>> {
    const { value: record, stale } = await this.#find(caller, id)
    if (record.visibility !== 'shared')
      throw new ImageError(
        'FORBIDDEN',
        `Image ${id} is ${record.visibility}: only shared images have members.`,
      )
    this.#guard.requireOn(record, caller, 'get_members')
    return { value: membersSeenBy(caller, record), stale }
  }

  async member(caller: Caller, id: string, memberId: string): Promise<Answer<ImageMember>> {
    const { value: record, stale } = await this.#find(caller, id)
    const mayLook = record.visibility === 'shared' && this.#guard.allowsOn(record, caller, 'get_member')
    return { value: memberAmong(mayLook ? membersSeenBy(caller, record) : [], id, memberId), stale }
  }

  async addMember(caller: Caller, id: string, memberId: string): Promise<ImageMember> {
    const { registers } = this.#components
    const quota = this.#options.memberQuota
    const record = await this.#guard.amend(caller, id, ['add_member'], (grant) =>
      registers.apply(id, 'image.add-member', { grant, memberId, quota, now: this.#now() }),
    )
    return memberAmong(record.members, id, memberId)
  }

  async answerMember(caller: Caller, id: string, memberId: string, status: string): Promise<ImageMember> {
    const { registers } = this.#components
    const record = await this.#changeMember(caller, id, memberId, 'modify_member', (grant) =>
      registers.apply(id, 'image.answer-member', { grant, memberId, status, now: this.#now() }),
    )
    return memberAmong(record.members, id, memberId)
  }

  async removeMember(caller: Caller, id: string, memberId: string): Promise<void> {
    await this.#changeMember(caller, id, memberId, 'delete_member', (grant) =>
      this.#components.registers.apply(id, 'image.remove-member', { grant, memberId, now: this.#now() }),
    )
  }

  async addTag(caller: Caller, id: string, tag: string): Promise<void> {
    const { quotas } = this.#options
    await this.#guard.amend(caller, id, ['modify_image'], (grant) =>
      this.#components.registers.apply(id, 'image.add-tag', { grant, tag, quotas, now: this.#now() }),
    )
  }

  async removeTag(caller: Caller, id: string, tag: string): Promise<void> {
    await this.#guard.amend(caller, id, ['modify_image'], (grant) =>
      this.#components.registers.apply(id, 'image.remove-tag', { grant, tag, now: this.#now() }),
    )
  }

  async deactivate(caller: Caller, id: string): Promise<void> {
    await this.#guard.amend(caller, id, ['deactivate'], (grant) =>
      this.#components.registers.apply(id, 'image.deactivate', { grant, now: this.#now() }),
    )
  }

  async reactivate(caller: Caller, id: string): Promise<void> {
    await this.#guard.amend(caller, id, ['reactivate'], (grant) =>
      this.#components.registers.apply(id, 'image.reactivate', { grant, now: this.#now() }),
    )
  }

  async upload(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
    terms?: UploadTerms,
  ): Promise<void> {
    // A grant that does not hold any more is refused before the body is touched.
    await this.#guard.change(caller, id, ['upload_image'], async (grant, image) => {
      const roomBytes = await this.#projectQuotas.roomForData(caller, image, declaredSizeBytes)
      const request = { grant, id, body, declaredSizeBytes, roomBytes }
      await this.#components.uploader.upload(terms ? { ...request, terms } : request)
    })
  }

  usage(caller: Caller): Promise<LimitsUsage> {
    return this.#projectQuotas.usage(caller)
  }

  async openData(
    caller: Caller,
    id: string,
    preferred: readonly string[] = [],
  ): Promise<Answer<ImageBytes | null>> {
    const { value: record, stale } = await this.#find(caller, id)
    this.#guard.requireOn(record, caller, 'download_image')
    if (preferred.length > 0) this.#guard.requireOn(record, caller, 'download_from_store')
    if (record.status === 'deactivated' && !caller.isAdmin)
      throw new ImageError(
        'FORBIDDEN',
        `The requested image ${id} has been deactivated. Image data download is forbidden.`,
      )
    const image = await this.#components.opener.open(record, { stale, preferred })
    // Alone, this node cannot know that there is no data yet (R6): never 204 for what may be active elsewhere.
    if (!image && stale) throw noMajority()
    if (!image) return { value: null, stale }
    const { onRead } = this.#components
    const plain: ImageBytes['read'] = (start, end, signal) => image.read(start, end, signal)
    const read = onRead ? countedRead(plain, (...bytes) => onRead(caller, record, ...bytes)) : plain
    return { value: { record, sizeBytes: image.sizeBytes, read }, stale }
  }

  shownLocations(caller: Caller, image: ImageRecord): ShownLocations {
    return this.#locations.shown(caller, image)
  }

  locations(caller: Caller, id: string): Promise<readonly ImageLocation[]> {
    return this.#locations.list(caller, id)
  }

  addLocation(caller: Caller, id: string, request: LocationRequest): Promise<void> {
    return this.#locations.add(caller, id, request)
  }

  #rightsOf(caller: Caller): PropertyRights {
    return new PropertyRights(this.#components.policy, caller)
  }

  /** As Glance asks: a member that the caller may not know of is not found, before it matters who may change it. */
  #changeMember(
    caller: Caller,
    id: string,
    memberId: string,
    rule: ImageRule,
    change: (grant: Grant) => Promise<ImageRecord>,
  ): Promise<ImageRecord> {
    return this.#guard.change(caller, id, ['get_member'], (_grant, image) => {
      if (image.visibility === 'shared') memberAmong(membersSeenBy(caller, image), id, memberId)
      return change(this.#guard.requireOn(image, caller, 'get_member', rule))
    })
  }

  /** Throws FORBIDDEN. As in Glance, rules see what is asked for, and `private` where no visibility is. */
  #requireCreate(
    caller: Caller,
    draft: ImageDraft,
    { owner, rules }: { owner: string | null; rules: readonly ImageRule[] },
  ): void {
    const attributes: Record<string, string> = {
      project_id: asText(owner),
      owner: asText(owner),
      visibility: draft.visibility ?? 'private',
    }
    const target: PolicyTarget = (attribute) =>
      Object.hasOwn(attributes, attribute) ? attributes[attribute]! : null
    if (owner !== caller.projectId && !this.#components.policy.allows('add_image', caller, target))
      throw new ImageError('FORBIDDEN', `You are not permitted to create images owned by '${owner}'.`)
    for (const rule of ['add_image' as const, ...visibilityRules(draft.visibility), ...rules])
      this.#guard.require(rule, caller, target)
  }

  /** The record as a majority holds it, or as this node knows it while no majority answers (R6). */
  async #find(caller: Caller, id: string): Promise<Answer<ImageRecord>> {
    try {
      return { value: await this.#findStrong(caller, id), stale: false }
    } catch (error) {
      if (!isWithoutQuorum(error)) throw error
      const known = this.#components.registers.local(id)
      if (!known) throw noMajority(error)
      return { value: this.#guard.visible(caller, id, known), stale: true }
    }
  }

  async #findStrong(caller: Caller, id: string): Promise<ImageRecord> {
    return this.#guard.visible(caller, id, await this.#components.registers.read(id))
  }

  /** Answers whether the index may be stale. */
  async #freshenIndex(): Promise<boolean> {
    try {
      await this.#components.registers.freshen()
      return false
    } catch (error) {
      if (!isWithoutQuorum(error)) throw error
      if (!this.#options.staleLists) throw noMajority(error)
      return true
    }
  }

  #newRecord(draft: ImageDraft, owner: string | null): ImageRecord {
    const now = this.#now()
    return {
      id: draft.id ?? this.#components.registers.newId(this.#components.random),
      name: draft.name ?? null,
      status: 'queued',
      visibility: draft.visibility ?? 'shared',
      protected: draft.protected ?? false,
      hidden: draft.hidden ?? false,
      owner,
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
      tags: normalTags(draft.tags ?? []),
      properties: draft.properties ?? {},
      members: [],
      data: null,
      upload: null,
    }
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}

/** As Glance asks: a visibility has a rule of its own beside the one for changes. */
function rulesOf(changes: readonly ImageChange[]): ImageRule[] {
  return changes.flatMap((change): ImageRule[] => {
    if (change.kind === 'remove-location') return ['delete_image_location']
    if (isLocationChange(change)) return ['set_image_location']
    if (change.kind !== 'set' || change.field !== 'visibility') return ['modify_image']
    return [...visibilityRules(change.value), 'modify_image']
  })
}

function visibilityRules(visibility: unknown): ImageRule[] {
  if (visibility === 'public') return ['publicize_image']
  return visibility === 'community' ? ['communitize_image'] : []
}

/** What Glance lets rules see where there is no image. */
function ownProject({ projectId }: Caller): PolicyTarget {
  return (attribute) => (attribute === 'project_id' ? asText(projectId) : null)
}

/** Throws NOT_FOUND. */
function memberAmong(members: readonly ImageMember[], id: string, memberId: string): ImageMember {
  const member = members.find((known) => known.memberId === memberId)
  if (member) return member
  throw new ImageError('NOT_FOUND', `${memberId} not found in the member list of the image ${id}.`)
}
