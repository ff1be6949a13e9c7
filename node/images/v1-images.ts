/** API v1 over the image service: see the port. What it does as v2 does is the image service's. */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { ChangedImages } from './changed-images.ts'
import { ImageGuard } from './image-guard.ts'
import type { ImageIndex } from './image-index.ts'
import { asText, type ImagePolicy } from './image-policy.ts'
import { plainImage, type ImageMember, type ImageRecord } from './image-record.ts'
import type { ImageRegisters, KnownRecord } from './image-registers.ts'
import type { Answer, Caller, ImageBytes, ImagePage } from './image-requests.ts'
import type { ImageServicePort } from './image-service-port.ts'
import { isoSeconds } from './image-times.ts'
import { PropertyRights } from './property-rights.ts'
import { removalOf, type PutArgs } from './put-operation.ts'
import type { WantedMember } from './sharing-operations.ts'
import type { V1Filler } from './v1-filler.ts'
import type { V1Create, V1ImagesPort, V1Query, V1Update } from './v1-images-port.ts'
import { changesOf, draftOf, purgedOf, requireUpdatable, sourceRules, updateRules } from './v1-requests.ts'
import { V1Sharing } from './v1-sharing.ts'

export interface V1ImagesComponents {
  clock: Clock
  images: Pick<ImageServicePort, 'create' | 'show' | 'list' | 'openData' | 'remove'>
  registers: Pick<ImageRegisters, 'apply' | 'read' | 'freshen'>
  index: Pick<ImageIndex, 'sharedWith'>
  changed: Pick<ChangedImages, 'page'>
  policy: ImagePolicy
  filler: Pick<V1Filler, 'requireAcceptable' | 'bytesOf' | 'announcedCopy' | 'location' | 'fill'>
}

export interface V1ImagesOptions {
  quotas: PutArgs['quotas']
  /** Members per image; -1 = unlimited. */
  memberQuota: number
}

export class V1Images implements V1ImagesPort {
  readonly #components: V1ImagesComponents
  readonly #options: V1ImagesOptions
  readonly #guard: ImageGuard
  readonly #sharing: V1Sharing

  constructor(components: V1ImagesComponents, options: V1ImagesOptions) {
    this.#components = components
    this.#options = options
    const { policy, registers } = components
    this.#guard = new ImageGuard({ policy, read: (id) => registers.read(id) })
    this.#sharing = new V1Sharing({ ...components, guard: this.#guard }, options)
  }

  async create(caller: Caller, request: V1Create): Promise<ImageRecord> {
    const { images, filler } = this.#components
    const { source, announced } = request
    filler.requireAcceptable(source, announced)
    const image = await images.create(caller, draftOf(request, caller), {
      rules: sourceRules(source),
      bytes: (fresh) => filler.bytesOf(request, fresh),
    })
    if (source === null || source.kind === 'location') return image
    await filler.fill(caller, image, source, true)
    return source.kind === 'copy' ? image : this.#filled(caller, image.id)
  }

  async update(caller: Caller, id: string, request: V1Update): Promise<ImageRecord> {
    const { filler } = this.#components
    const { source, announced } = request
    filler.requireAcceptable(source, announced)
    const image = await this.#orDeleted(caller, id, 'Forbidden to update deleted image.', () =>
      this.#put(caller, id, request),
    )
    if (source && source.kind !== 'location') await filler.fill(caller, image, source, false)
    return source?.kind === 'body' ? this.#filled(caller, id) : this.#rightsOf(caller).shown(image)
  }

  async show(caller: Caller, id: string): Promise<Answer<ImageRecord>> {
    try {
      return await this.#components.images.show(caller, id)
    } catch (error) {
      const deleted = hasCode(error, 'NOT_FOUND') ? await this.#deleted(caller, id) : null
      if (!deleted) throw error
      return { value: this.#rightsOf(caller).shown(deleted), stale: false }
    }
  }

  async list(caller: Caller, { query, asUser, withDeleted }: V1Query): Promise<Answer<ImagePage>> {
    const lister = asUser ? { ...caller, isAdmin: false } : caller
    if (!withDeleted) return this.#components.images.list(lister, query)
    const { registers, changed } = this.#components
    this.#guard.require('get_images', lister, (name) =>
      name === 'project_id' ? asText(caller.projectId) : null,
    )
    await registers.freshen()
    const marker = query.marker === null ? null : await registers.read(query.marker)
    if (query.marker !== null && !(marker && this.#guard.sees(lister, whatever(marker))))
      throw new ImageError('INVALID', 'Invalid marker. Image could not be found.')
    const rights = this.#rightsOf(caller)
    if (!query.filters.every((filter) => rights.mayFilter(filter)))
      return { value: { images: [], more: false }, stale: false }
    const bounds = { marker: marker?.record ?? null, maySee: this.#guard.rowTest(lister) }
    const { images, more } = await changed.page(lister, query, bounds)
    return { value: { images: images.map((image) => rights.shown(image)), more }, stale: false }
  }

  async openData(caller: Caller, id: string): Promise<Answer<ImageBytes>> {
    const { images } = this.#components
    const { value, stale } = await images.openData(caller, id)
    const record = value?.record ?? (await images.show(caller, id)).value
    if (record.status === 'deactivated') throw new ImageError('FORBIDDEN', `Image ${id} is deactivated`)
    if (record.status !== 'active') throw new ImageError('NOT_FOUND', `Image ${id} is not active`)
    return { value: value ?? { record, sizeBytes: 0, read: async function* () {} }, stale }
  }

  async remove(caller: Caller, id: string): Promise<void> {
    const { images } = this.#components
    const message = 'Forbidden to delete a pending_delete image.'
    await this.#orDeleted(caller, id, message, () => images.remove(caller, id), ['pending_delete'])
  }

  members(caller: Caller, id: string): Promise<Answer<ImageMember[]>> {
    return this.#sharing.members(caller, id)
  }

  putMembers(caller: Caller, id: string, members: WantedMember[], isWhole: boolean): Promise<void> {
    return this.#sharing.put(caller, id, members, isWhole)
  }

  dropMember(caller: Caller, id: string, memberId: string): Promise<void> {
    return this.#sharing.drop(caller, id, memberId)
  }

  sharedWith(caller: Caller, memberId: string): Promise<ImageRecord[]> {
    return this.#sharing.imagesOf(caller, memberId)
  }

  #put(caller: Caller, id: string, request: V1Update): Promise<ImageRecord> {
    const { registers, filler, clock } = this.#components
    const { quotas } = this.#options
    const { source } = request
    const rights = this.#rightsOf(caller)
    return this.#guard.change(caller, id, updateRules(request), async (grant, image) => {
      requireUpdatable(image, request)
      const purged = purgedOf(request, rights.shown(image))
      const announced =
        source?.kind === 'copy'
          ? await filler.announcedCopy(source.url, request.announced)
          : request.announced
      const changes = changesOf(request, caller)
      const protectedNames = rights.protectedAmong([...changes, ...purged.map(removalOf)]) ?? {}
      if (source?.kind === 'location') changes.push(await filler.location(source.url, image, announced))
      const now = isoSeconds(clock.wallMs())
      return registers.apply(id, 'image.put', {
        grant,
        changes,
        announced,
        purged,
        quotas,
        protectedNames,
        now,
      })
    })
  }

  /** Deleted as soon as it was there, perhaps. */
  async #filled(caller: Caller, id: string): Promise<ImageRecord> {
    return (await this.#components.images.show(caller, id)).value
  }

  /** What is deleted is there for administrators, to be looked at: FORBIDDEN where it has one of `statuses`. */
  async #orDeleted<T>(
    caller: Caller,
    id: string,
    message: string,
    work: () => Promise<T>,
    statuses = ['pending_delete', 'deleted'],
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const deleted = hasCode(error, 'NOT_FOUND') ? await this.#deleted(caller, id) : null
      if (!deleted || !statuses.includes(deleted.status)) throw error
      throw new ImageError('FORBIDDEN', message, { id }, error)
    }
  }

  async #deleted(caller: Caller, id: string): Promise<ImageRecord | null> {
    if (!caller.isAdmin) return null
    const known = await this.#components.registers.read(id)
    if (!known || (known.live && known.record.status !== 'pending_delete')) return null
    return this.#guard.sees(caller, whatever(known)) ? known.record : null
  }

  #rightsOf(caller: Caller): PropertyRights {
    return new PropertyRights(this.#components.policy, caller)
  }
}

/** The image as if it were not deleted: whether it is seen does not depend on that here. */
function whatever({ record }: KnownRecord): ImageRecord {
  return record.status === 'pending_delete' ? { ...plainImage(record), status: 'active' } : record
}
