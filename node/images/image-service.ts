/** The image service: every use case of an image, and the only door to images for the façade. */
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ImageReader, ImageSource, OpenImage } from '../data/image-reader.ts'
import { ImageError } from '../errors.ts'
import type { ActivationOperationArgs } from './activation-operations.ts'
import type { CalledArgs } from './image-decisions.ts'
import { newImageId } from './image-id.ts'
import type { ImageIndex } from './image-index.ts'
import type { ImageOperationArgs } from './image-operations.ts'
import type { PatchQuotas } from './image-patch-rules.ts'
import { checkQuotas, isRefusal, normalTags } from './image-patch-rules.ts'
import type { ImageMember, ImageRecord } from './image-record.ts'
import { isWithoutQuorum, type ImageRegisters, type KnownRecord } from './image-registers.ts'
import type {
  Answer,
  Caller,
  ImageBytes,
  ImageChange,
  ImageDraft,
  ImagePage,
  ImageQuery,
} from './image-requests.ts'
import type { ImageServicePort } from './image-service-port.ts'
import { isoSeconds } from './image-times.ts'
import type { ImageUploader } from './image-uploader.ts'
import type { MemberOperationArgs } from './member-operations.ts'
import type { TagOperationArgs } from './tag-operations.ts'
import { canDownload, canSee, canWrite, membersSeenBy } from './visibility.ts'

/** A manifest that no holder delivers by then makes the image unavailable for now. */
const MANIFEST_TIMEOUT_MS = 10_000

export interface ImageServiceComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  log: Log
  registers: Pick<ImageRegisters, 'apply' | 'read' | 'local' | 'freshen'>
  index: ImageIndex
  uploader: Pick<ImageUploader, 'upload'>
  reader: Pick<ImageReader, 'open'>
  /** Whether this node holds all bytes of a manifest root. */
  holdsWhole: (root: string) => boolean
}

export interface ImageServiceOptions {
  quotas: PatchQuotas
  /** Members per image; -1 = unlimited. */
  memberQuota: number
  /** Answer lists from this node alone while there is no majority, flagged stale (R6). */
  staleLists: boolean
}

/** Operations that are asked for by a caller and need nothing but its arguments. */
type CalledOperation =
  | 'image.patch'
  | 'image.delete'
  | keyof MemberOperationArgs
  | keyof TagOperationArgs
  | keyof ActivationOperationArgs

export class ImageService implements ImageServicePort {
  readonly #components: ImageServiceComponents
  readonly #options: ImageServiceOptions

  constructor(components: ImageServiceComponents, options: ImageServiceOptions) {
    this.#components = components
    this.#options = options
  }

  async create(caller: Caller, draft: ImageDraft): Promise<ImageRecord> {
    if (!canWrite(caller)) throw new ImageError('FORBIDDEN', 'You are not authorized to create images.')
    const owner = draft.owner === undefined ? caller.projectId : draft.owner || null
    if (owner !== caller.projectId && !caller.isAdmin)
      throw new ImageError('FORBIDDEN', `You are not permitted to create images owned by '${owner}'.`)
    if (draft.visibility === 'public' && !caller.isAdmin)
      throw new ImageError('FORBIDDEN', 'You are not authorized to publicize this image.')
    const record = this.#newRecord(draft, owner)
    const { quotas } = this.#options
    // The operation checks them as well. But an empty register has no place for a refusal, so that one on behalf of
    // another node could only end as OUTCOME_UNKNOWN (R4).
    const checked = checkQuotas(record, quotas)
    if (isRefusal(checked)) throw new ImageError(checked.code, checked.message)
    const isNewId = draft.id === undefined
    return this.#components.registers.apply(record.id, 'image.create', { record, quotas }, isNewId)
  }

  async show(caller: Caller, id: string): Promise<Answer<ImageRecord>> {
    return this.#find(caller, id)
  }

  async list(caller: Caller, query: ImageQuery): Promise<Answer<ImagePage>> {
    const { index } = this.#components
    const stale = await this.#freshenIndex()
    if (query.marker !== null) {
      const marker = index.get(query.marker)
      if (!marker || !canSee(caller, marker))
        throw stale
          ? noMajority()
          : new ImageError('INVALID', `The marker ${query.marker} could not be found.`)
    }
    // What the index holds is settled, and since it was freshened, nothing acknowledged before this call is missing.
    return { value: await index.page(caller, query), stale }
  }

  patch(caller: Caller, id: string, changes: ImageChange[]): Promise<ImageRecord> {
    return this.#apply(caller, id, 'image.patch', { changes, quotas: this.#options.quotas })
  }

  async remove(caller: Caller, id: string): Promise<void> {
    await this.#apply(caller, id, 'image.delete', {})
  }

  async members(caller: Caller, id: string): Promise<Answer<ImageMember[]>> {
    const { value: record, stale } = await this.#find(caller, id)
    if (record.visibility !== 'shared')
      throw new ImageError(
        'FORBIDDEN',
        `Image ${id} is ${record.visibility}: only shared images have members.`,
      )
    return { value: membersSeenBy(caller, record), stale }
  }

  async member(caller: Caller, id: string, memberId: string): Promise<Answer<ImageMember>> {
    const { value: record, stale } = await this.#find(caller, id)
    const seen = record.visibility === 'shared' ? membersSeenBy(caller, record) : []
    return { value: memberAmong(seen, id, memberId), stale }
  }

  async addMember(caller: Caller, id: string, memberId: string): Promise<ImageMember> {
    const quota = this.#options.memberQuota
    const record = await this.#apply(caller, id, 'image.add-member', { memberId, quota })
    return memberAmong(record.members, id, memberId)
  }

  async answerMember(caller: Caller, id: string, memberId: string, status: string): Promise<ImageMember> {
    const record = await this.#apply(caller, id, 'image.answer-member', { memberId, status })
    return memberAmong(record.members, id, memberId)
  }

  async removeMember(caller: Caller, id: string, memberId: string): Promise<void> {
    await this.#apply(caller, id, 'image.remove-member', { memberId })
  }

  async addTag(caller: Caller, id: string, tag: string): Promise<void> {
    await this.#apply(caller, id, 'image.add-tag', { tag, quotas: this.#options.quotas })
  }

  async removeTag(caller: Caller, id: string, tag: string): Promise<void> {
    await this.#apply(caller, id, 'image.remove-tag', { tag })
  }

  async deactivate(caller: Caller, id: string): Promise<void> {
    await this.#apply(caller, id, 'image.deactivate', {})
  }

  async reactivate(caller: Caller, id: string): Promise<void> {
    await this.#apply(caller, id, 'image.reactivate', {})
  }

  async upload(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
  ): Promise<void> {
    await this.#findStrong(caller, id)
    await this.#components.uploader.upload({ caller: rightsOf(caller), id, body, declaredSizeBytes })
  }

  async openData(caller: Caller, id: string): Promise<Answer<ImageBytes | null>> {
    const { value: record, stale } = await this.#find(caller, id)
    if (!canDownload(caller))
      throw new ImageError('FORBIDDEN', 'You are not authorized to download this image.')
    if (record.status === 'deactivated' && !caller.isAdmin)
      throw new ImageError(
        'FORBIDDEN',
        `The requested image ${id} has been deactivated. Image data download is forbidden.`,
      )
    if (!record.data || record.size === null) {
      // Alone, this node cannot know that there is no data yet (R6): never 204 for what may be active elsewhere.
      if (stale) throw noMajority()
      return { value: null, stale }
    }
    const { root, copies } = record.data
    if (stale && !this.#components.holdsWhole(root)) throw noMajority()
    const source = { imageId: id, root, copies }
    const image = await this.#openManifest(source)
    const read: ImageBytes['read'] = (start, end, signal) => image.read(start, end, signal)
    return { value: { record, sizeBytes: record.size, read }, stale }
  }

  async #openManifest(source: ImageSource): Promise<OpenImage> {
    const patience = AbortSignal.timeout(MANIFEST_TIMEOUT_MS)
    try {
      return await this.#components.reader.open(source, patience)
    } catch (error) {
      if (patience.aborted)
        throw new ImageError('UNAVAILABLE', 'No node delivers the image now; try again.', {}, error)
      throw error
    }
  }

  /** The record as a majority holds it, or as this node knows it while no majority answers (R6). */
  async #find(caller: Caller, id: string): Promise<Answer<ImageRecord>> {
    try {
      return { value: await this.#findStrong(caller, id), stale: false }
    } catch (error) {
      if (!isWithoutQuorum(error)) throw error
      const known = this.#components.registers.local(id)
      if (!known) throw noMajority(error)
      return { value: visible(caller, id, known), stale: true }
    }
  }

  /** Applies what a caller asks for to an image that it can see, and answers the record as it is then. */
  async #apply<Name extends CalledOperation>(
    caller: Caller,
    id: string,
    name: Name,
    args: Omit<ImageOperationArgs[Name], keyof CalledArgs>,
  ): Promise<ImageRecord> {
    await this.#findStrong(caller, id)
    const called: CalledArgs = { caller: rightsOf(caller), now: this.#now() }
    // oxlint-disable-next-line no-unsafe-type-assertion -- the two halves of the arguments, which the types cannot add up
    return this.#components.registers.apply(id, name, { ...args, ...called } as ImageOperationArgs[Name])
  }

  async #findStrong(caller: Caller, id: string): Promise<ImageRecord> {
    return visible(caller, id, await this.#components.registers.read(id))
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
      id: draft.id ?? newImageId(this.#components.random),
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

/** Throws NOT_FOUND for what is absent, deleted or hidden: the caller cannot tell which. */
function visible(caller: Caller, id: string, known: KnownRecord | null): ImageRecord {
  if (!known?.live || !canSee(caller, known.record))
    throw new ImageError('NOT_FOUND', `No image found with ID ${id}`)
  return known.record
}

/** Throws NOT_FOUND. */
function memberAmong(members: readonly ImageMember[], id: string, memberId: string): ImageMember {
  const member = members.find((known) => known.memberId === memberId)
  if (member) return member
  throw new ImageError('NOT_FOUND', `${memberId} not found in the member list of the image ${id}.`)
}

function rightsOf({ projectId, isAdmin, roles }: Caller) {
  return { projectId, isAdmin, roles: [...roles] }
}

function noMajority(cause?: unknown): ImageError {
  return new ImageError('UNAVAILABLE', 'No majority of the image service is reachable; try again.', {}, cause)
}
