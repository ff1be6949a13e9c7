/**
 * Brings an image that is being imported into further stores: what came to the first one is read there, checked, and sent on.
 * An object that no record comes to name is removed again, or is the reaper's: the record has named it from the start.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import { objectName, type Backends, type StoredObject } from '../backends/backends.ts'
import type { BackendWriter } from '../data/backend-writer.ts'
import { algorithmOr512 } from '../data/hash-algorithms.ts'
import { ImageError } from '../errors.ts'
import type { BackendGate } from '../images/backend-gate.ts'
import { bytesOf } from '../images/bytes-of.ts'
import type { FinishUploadArgs } from '../images/image-decisions.ts'
import type { ImageOpener } from '../images/image-opener.ts'
import { plainImage, type ImageData, type ImageRecord, type StagedData } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { locationOf } from '../images/location-rules.ts'

export interface StoreCopierComponents {
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  opener: Pick<ImageOpener, 'open'>
  backends: Pick<Backends, 'has' | 'objectFor'>
  backendWriter: Pick<BackendWriter, 'write' | 'remove'>
  gate: Pick<BackendGate, 'require'>
}

/** What an import says of its stores. */
export interface CopyJob {
  image: ImageRecord
  /** Ids. */
  stores: readonly string[]
  /** Otherwise it is enough that one of the stores is reached. */
  allMustSucceed: boolean
}

/** Bytes that wait in the cluster, and what is known of them. */
export type StagedBytes = ImageData & Pick<StagedData, 'sizeBytes' | 'md5' | 'sha512'>

/** For the operation that ends the import. */
export interface Copied {
  /** Where the bytes are, in back ends. */
  objects: StoredObject[]
  /** Ids of stores that were not reached. */
  failed: string[]
}

export class StoreCopier {
  readonly #components: StoreCopierComponents

  constructor(components: StoreCopierComponents) {
    this.#components = components
  }

  /** Whether none of some stores is the cluster. */
  isOutside(stores: readonly string[]): boolean {
    return stores.every((store) => this.#components.backends.has(store))
  }

  /** The objects that an import will make, for its claim. Throws UNAVAILABLE while back ends may not be written to. */
  async objectsFor({ image, stores }: CopyJob, uploadId: UploadId): Promise<StoredObject[]> {
    const { backends, gate } = this.#components
    const objects = stores
      .filter((store) => backends.has(store))
      .map((store) => backends.objectFor(store, objectName(image.id, uploadId)))
    if (objects.length > 0) await gate.require()
    return objects
  }

  /** From where the bytes have come to, by `args`, to the others of `named`. Throws what keeps the image out of a store. */
  copyOn(
    job: CopyJob,
    args: FinishUploadArgs,
    named: readonly StoredObject[],
    signal: AbortSignal,
  ): Promise<Copied> {
    const { data, objects = [], sizeBytes: size, md5, sha512 } = args
    const further = named.filter(({ url }) => !objects.some((object) => object.url === url))
    const locations = objects.map(locationOf)
    const source = { ...plainImage(job.image), ...digests(md5, sha512), data, size, locations }
    return this.#copyAll(job, { source, further, there: objects }, signal)
  }

  /** From what is staged. Throws also when the image would be nowhere. */
  async copyStaged(
    job: CopyJob,
    staged: StagedBytes,
    further: readonly StoredObject[],
    signal: AbortSignal,
  ): Promise<Copied> {
    const { md5, sha512, sizeBytes: size } = staged
    const source = { ...plainImage(job.image), ...digests(md5, sha512), data: staged, size }
    const copied = await this.#copyAll(job, { source, further, there: [] }, signal)
    if (copied.failed.length < job.stores.length) return copied
    throw noneReached(copied.failed)
  }

  /** From where the image is. Throws also when none of `further` is reached. */
  async copyImage(job: CopyJob, further: readonly StoredObject[], signal: AbortSignal): Promise<Copied> {
    const source = plainImage(job.image)
    const copied = await this.#copyAll(job, { source, further, there: [] }, signal)
    if (copied.objects.length > 0) return copied
    throw noneReached(copied.failed)
  }

  /**
   * From what is staged to the first of `wanted` that takes it: that, those that did not, and those that are left. Throws what
   * keeps it out of the last one.
   */
  async copyToFirst(
    job: CopyJob,
    staged: StagedBytes,
    wanted: readonly StoredObject[],
    signal: AbortSignal,
  ): Promise<{ first: StoredObject; failed: string[]; left: StoredObject[] }> {
    const failed: string[] = []
    for (const [at, object] of wanted.entries()) {
      const one = { ...job, stores: [object.store], allMustSucceed: at === wanted.length - 1 }
      try {
        await this.copyStaged(one, staged, [object], signal)
        return { first: object, failed, left: wanted.slice(at + 1) }
      } catch (error) {
        signal.throwIfAborted()
        if (one.allMustSucceed) throw error
        failed.push(object.store)
      }
    }
    throw noneReached(failed)
  }

  /**
   * An image that is active goes on to the others of `named`, and its import ends: what it has not reached then is told. Never
   * rejects: what the image has is not to be taken back for what it could have as well. `failed`: those before.
   */
  async spread(
    job: CopyJob,
    args: FinishUploadArgs,
    named: readonly StoredObject[],
    { failed, signal }: { failed: readonly string[]; signal: AbortSignal },
  ): Promise<void> {
    const { registers, log } = this.#components
    const there = (args.objects ?? []).map(({ url }) => url)
    const further = named.filter(({ url }) => !there.includes(url))
    const lost = () => ({ objects: [], failed: further.map(({ store }) => store) })
    const copied = await this.copyOn(job, args, named, signal).catch(lost)
    const objects = copied.objects.filter(({ url }) => !there.includes(url))
    const end = { ...args, data: null, objects, failed: [...failed, ...copied.failed] }
    const apply = () => registers.apply(job.image.id, 'image.finish-import', end)
    await this.orRemoved({ objects, failed: [] }, apply).catch((error: unknown) => {
      log.warn({ image: job.image.id, error: String(error) }, 'the end of an import is left to the reaper')
    })
  }

  /** An image that is deleted or taken over meanwhile may have been cleaned up before its last copy was there. */
  async orRemoved<T>({ objects }: Copied, apply: () => Promise<T>): Promise<T> {
    try {
      return await apply()
    } catch (error) {
      if (hasCode(error, 'CONFLICT', 'NOT_FOUND'))
        for (const object of objects) await this.#components.backendWriter.remove(object)
      throw error
    }
  }

  async #copyAll(
    { allMustSucceed }: CopyJob,
    {
      source,
      further,
      there,
    }: { source: ImageRecord; further: readonly StoredObject[]; there: readonly StoredObject[] },
    signal: AbortSignal,
  ): Promise<Copied> {
    const copied: Copied = { objects: [...there], failed: [] }
    for (const object of further) {
      try {
        await this.#copyTo(object, source, signal)
        copied.objects.push(object)
      } catch (error) {
        signal.throwIfAborted()
        if (allMustSucceed) throw error
        const { store } = object
        const fields = { image: source.id, store, error: String(error) }
        this.#components.log.warn(fields, 'an import has not reached one of its stores')
        copied.failed.push(store)
      }
    }
    return copied
  }

  async #copyTo(object: StoredObject, source: ImageRecord, signal: AbortSignal): Promise<void> {
    const { opener, backendWriter } = this.#components
    const image = await opener.open(source)
    if (!image) throw new ImageError('UNAVAILABLE', 'The bytes of the image are nowhere to be had.')
    const { sizeBytes } = image
    const { checksum, hashAlgo, hashValue } = source
    const hashAlgorithm = algorithmOr512(hashAlgo)
    const request = { object, sizeBytesMax: sizeBytes, declaredSizeBytes: sizeBytes, hashAlgorithm, signal }
    const { md5, multihash } = await backendWriter.write(request, bytesOf(image, signal))
    // Who has told the digest of a location need not have told both.
    if (multihash === hashValue && (checksum === null || md5 === checksum)) return
    await backendWriter.remove(object)
    throw new ImageError('UNAVAILABLE', 'Other bytes came than those of the image.')
  }
}

function noneReached(stores: readonly string[]): ImageError {
  return new ImageError('UNAVAILABLE', `None of the stores could be reached: ${stores.join(', ')}.`)
}

/** Of bytes that can be read, whatever their image is. */
function digests(md5: string, sha512: string) {
  return { status: 'active' as const, checksum: md5, hashAlgo: 'sha512', hashValue: sha512 }
}
