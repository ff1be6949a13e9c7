/** What callers may do with the places where an image's bytes are: see them, name others, have the digests computed. */
import type { Backends } from '../backends/backends.ts'
import { hasCode } from '../../cluster/errors.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { Clock } from '../../cluster/runtime.ts'
import {
  HASH_ALGORITHM_NAMES,
  isDigest,
  isHashAlgorithm,
  type HashAlgorithm,
} from '../data/hash-algorithms.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import { ImageError } from '../errors.ts'
import type { ImageGuard } from './image-guard.ts'
import { plainImage, type ImageLocation, type ImageRecord } from './image-record.ts'
import type { ImageRegisters } from './image-registers.ts'
import type { Caller, ImageChange, LocationRequest, ShownLocations } from './image-requests.ts'
import { isoSeconds } from './image-times.ts'
import type { LocationHasher } from './location-hasher.ts'
import { requireNotInUse } from './objects-in-use.ts'
import type { LocationTasks } from './location-task-port.ts'
import {
  changeLocations,
  HASH_ALGORITHM,
  isLocationChange,
  locationsOf,
  refusalToActivate,
  refusalToAdd,
  storedObjects,
  type LocationChange,
  type NewLocation,
  type ValidationData,
} from './location-rules.ts'

export interface ImageLocationsComponents {
  identity: NodeIdentity
  clock: Clock
  guard: ImageGuard
  registers: Pick<ImageRegisters, 'apply' | 'read'>
  outside: Pick<OutsideBytes, 'sizeOf'>
  backends: Pick<Backends, 'isInUse'>
  hasher: Pick<LocationHasher, 'begin'>
  tasks: LocationTasks
  /** Throws TOO_LARGE when the owner has no room for so many bytes. */
  requireRoom: (image: ImageRecord, sizeBytes: number) => Promise<void>
}

export interface ImageLocationsOptions {
  showMultipleLocations: boolean
  showImageDirectUrl: boolean
  /** Whether http(s) URLs may be locations. */
  isHttpOn: boolean
  doSecureHash: boolean
  /** Locations per image; -1 = unlimited. */
  quota: number
}

const HTTP = /^https?:\/\//i
const SERVICE_ROLE = 'service'

export class ImageLocations {
  readonly #components: ImageLocationsComponents
  readonly #options: ImageLocationsOptions

  constructor(components: ImageLocationsComponents, options: ImageLocationsOptions) {
    this.#components = components
    this.#options = options
  }

  /** A deactivated image shows none but to administrators: its bytes are not to be had. */
  shown(caller: Caller, image: ImageRecord): ShownLocations {
    const { showMultipleLocations, showImageDirectUrl } = this.#options
    if (!showMultipleLocations && !showImageDirectUrl) return { locations: null, directUrl: null }
    const isHidden =
      (image.status === 'deactivated' && !caller.isAdmin) ||
      !this.#components.guard.allowsOn(image, caller, 'get_image_location')
    const locations = isHidden ? [] : shownOf(image)
    return {
      locations: showMultipleLocations ? locations : null,
      directUrl: showImageDirectUrl ? (locations[0]?.url ?? null) : null,
    }
  }

  /**
   * The changes with what was found at locations that are new to the image. Throws FORBIDDEN, CONFLICT, INVALID, TOO_LARGE.
   * Whether the whole patch is allowed is decided in the register.
   */
  async measured(image: ImageRecord, changes: readonly ImageChange[]): Promise<ImageChange[]> {
    const measured: ImageChange[] = []
    for (const change of changes)
      measured.push(isLocationChange(change) ? await this.#measure(image, change) : change)
    await this.#requireNothingInUse(image, measured.filter(isLocationChange))
    return measured
  }

  /** For services: all there are, whatever is shown to others. */
  async list(caller: Caller, id: string): Promise<readonly ImageLocation[]> {
    const { guard, registers } = this.#components
    const image = guard.visible(caller, id, await registers.read(id))
    guard.requireOn(image, caller, 'fetch_image_location')
    return shownOf(image)
  }

  /**
   * The location of a queued image, and a task that tells of it. The digests are computed after the answer; with
   * `validation`, before the image is active.
   */
  async add(caller: Caller, id: string, request: LocationRequest): Promise<void> {
    const { guard, registers, clock, hasher, tasks } = this.#components
    await guard.change(caller, id, ['add_image_location'], async (grant, found) => {
      this.#requireAdd(caller, found, request)
      const sizeBytes = await this.#sizeFor(found, request.url)
      const location: NewLocation = { url: request.url, metadata: {}, sizeBytes }
      const task = await tasks.create(caller, id, request)
      const { hashing, claimed } = this.#hashingOf(request, task.claim)
      const args = {
        grant,
        location,
        claimed,
        hashing,
        quota: this.#options.quota,
        now: isoSeconds(clock.wallMs()),
      }
      const applied = registers.apply(id, 'image.import-location', args)
      hasher.begin(id, task, applied)
      try {
        await applied
      } catch (error) {
        // Whether the image has the location then is for a majority to say: the task reaper asks it.
        if (!hasCode(error, 'OUTCOME_UNKNOWN')) await task.discard()
        throw error
      }
    })
  }

  async #measure(image: ImageRecord, change: LocationChange): Promise<LocationChange> {
    if (!this.#options.showMultipleLocations)
      throw new ImageError('FORBIDDEN', "It's not allowed to change locations if locations are invisible.")
    if (change.kind === 'remove-location') return change
    const refusal = refusalToAdd(image)
    if (refusal) throw new ImageError(refusal.code, refusal.message)
    if (change.kind === 'add-location')
      return { ...change, location: await this.#withSize(image, change.location) }
    const locations: NewLocation[] = []
    for (const location of change.locations) locations.push(await this.#withSize(image, location))
    return { ...change, locations }
  }

  /** Of the objects that the changes take away. What they cannot do to the image is the register's to say. */
  async #requireNothingInUse(image: ImageRecord, changes: readonly LocationChange[]): Promise<void> {
    let next = plainImage(image)
    for (const change of changes) {
      const changed = changeLocations(next, change, this.#options.quota)
      if ('code' in changed) return
      next = changed
    }
    const left = storedObjects(next).map(({ url }) => url)
    const gone = storedObjects(image).filter(({ url }) => !left.includes(url))
    await requireNotInUse(this.#components.backends, image.id, gone)
  }

  async #withSize(image: ImageRecord, location: NewLocation): Promise<NewLocation> {
    if (locationsOf(image).some(({ url }) => url === location.url)) return location
    requirePlain(location.metadata)
    return { ...location, sizeBytes: await this.#sizeFor(image, location.url) }
  }

  async #sizeFor(image: ImageRecord, url: string): Promise<number> {
    const { isHttpOn, quota } = this.#options
    requireFetchable(url, isHttpOn)
    const count = locationsOf(image).length + 1
    if (quota >= 0 && count > quota)
      throw new ImageError(
        'TOO_LARGE',
        `The limit on the number of image locations is ${quota}, attempted ${count}.`,
      )
    const sizeBytes = await this.#components.outside.sizeOf(url)
    await this.#components.requireRoom(image, sizeBytes * count)
    return sizeBytes
  }

  #requireAdd(
    { roles, serviceRoles }: Caller,
    image: ImageRecord,
    { url, validation }: LocationRequest,
  ): void {
    if (image.status !== 'queued')
      throw new ImageError(
        'CONFLICT',
        `It's not allowed to add locations if image status is ${image.status}.`,
      )
    const isService = roles.includes(SERVICE_ROLE) || serviceRoles.includes(SERVICE_ROLE)
    if (!isService && !(this.#options.isHttpOn && HTTP.test(url)))
      throw new ImageError('FORBIDDEN', 'http store must be enabled to use location API by normal user.')
    if (validation) requireMultihash(validation)
    const refusal = refusalToActivate(image)
    if (refusal) throw new ImageError(refusal.code, refusal.message)
  }

  /** Without `do_secure_hash` what the caller says of the bytes holds as it is. */
  #hashingOf({ validation }: LocationRequest, hashId: string) {
    if (!this.#options.doSecureHash) return { hashing: null, claimed: validation }
    const { identity } = this.#components
    const hashing = {
      hashId,
      node: identity.id,
      startNonce: identity.startNonce,
      hashAlgo: (validation?.hashAlgo as HashAlgorithm | undefined) ?? HASH_ALGORITHM,
      expected: validation?.hashValue.toLowerCase() ?? null,
    }
    return { hashing, claimed: null }
  }
}

/** As callers see them: whose bytes there are is said by their metadata, as in Glance. */
function shownOf(image: ImageRecord): ImageLocation[] {
  return locationsOf(image).map(({ url, metadata }) => ({ url, metadata }))
}

/** Throws INVALID for what no node opens, whatever is there. */
export function requireFetchable(url: string, isHttpOn: boolean): void {
  if (!isHttpOn || !HTTP.test(url))
    throw new ImageError('INVALID', 'Invalid location: no store is enabled for URLs of this kind.')
}

/** As Glance asks of new locations, and of those alone: texts, and lists and objects of them. Throws INVALID. */
function requirePlain(value: unknown): void {
  if (typeof value === 'string') return
  if (typeof value !== 'object' || value === null)
    throw new ImageError('INVALID', 'The metadata of a location holds nothing but texts, lists and objects.')
  for (const inner of Object.values(value)) requirePlain(inner)
}

/** As Glance asks for it: a name and as many digits as it has. Throws INVALID. */
function requireMultihash({ hashAlgo, hashValue }: ValidationData): void {
  if (!isHashAlgorithm(hashAlgo))
    throw new ImageError('INVALID', `os_hash_algo is one of ${HASH_ALGORITHM_NAMES.join(', ')}.`)
  if (!isDigest(hashAlgo, hashValue))
    throw new ImageError('INVALID', `os_hash_value is no ${hashAlgo} in hexadecimal.`)
}
