/** One import that brings bytes: what comes is looked at, changed as the operator wants it, and told of at the end. */
import { hasCode } from '../../cluster/errors.ts'
import type { FinishUploadArgs } from '../images/image-decisions.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { ImageRecord, ImageUpload } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { Caller } from '../images/image-requests.ts'
import type { ImageUploader, UploadEnd, UploadSteps } from '../images/image-uploader.ts'
import type { ImportChanges } from '../images/import-operations.ts'
import type { UploadInspection } from '../inspect/upload-inspection.ts'
import type { IncomingFormats, ImportPlugins } from './import-plugins.ts'
import type { Fetched, ImportSource } from './import-source.ts'
import type { RemoteFacts } from './remote-glance.ts'
import type { CopyJob, StoreCopier } from './store-copier.ts'

export interface ImportWorkComponents {
  registers: Pick<ImageRegisters, 'apply'>
  uploader: Pick<ImageUploader, 'inspectionOf'>
  source: Pick<ImportSource, 'facts' | 'open'>
  plugins: Pick<ImportPlugins, 'changesOf' | 'apply'>
  copier: Pick<StoreCopier, 'copyOn' | 'copyImage' | 'copyToFirst' | 'orRemoved' | 'spread' | 'isOutside'>
}

export interface WorkOrder extends Fetched, CopyJob {
  caller: Caller
  /** Largest image that may come of it. */
  sizeBytesMax: number
}

/** What is wrong with the bytes themselves; another try would end in the same way. */
const FAULTS_OF_BYTES = ['UNSUPPORTED_MEDIA', 'INVALID', 'TOO_LARGE'] as const

export class ImportWork {
  readonly #components: ImportWorkComponents
  readonly #order: WorkOrder
  readonly #signal: AbortSignal
  #facts: RemoteFacts | null = null
  #formats: IncomingFormats | null = null
  /** In back ends, all that the claim names. */
  #objects: readonly StoredObject[] = []
  #changes: ImportChanges = { properties: {}, formats: null }

  constructor(components: ImportWorkComponents, order: WorkOrder, signal: AbortSignal) {
    this.#components = components
    this.#order = order
    this.#signal = signal
  }

  /**
   * Whether the bytes go to the cluster first though it is none of the stores: they come only once, and a store that fails is
   * not to keep them from the others. Glance stages them for that, too.
   */
  get isStaged(): boolean {
    const { allMustSucceed, method, stores } = this.#order
    const isOneEnough = !allMustSucceed && stores.length > 1
    return isOneEnough && method !== 'copy-image' && this.#components.copier.isOutside(stores)
  }

  /** `watched`: sees the bytes as they come. */
  async *body(
    watched: (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const { source, plugins } = this.#components
    const { sizeBytesMax } = this.#order
    const signal = this.#signal
    const bytes = watched(source.open(this.#order, this.#facts, signal))
    yield* this.#formats ? plugins.apply(bytes, this.#formats, { sizeBytesMax, signal }) : bytes
  }

  steps(claim: UploadSteps['begin']): UploadSteps {
    return {
      begin: (upload) => this.#begin(upload, claim),
      inspectionOf: (record) => this.#inspectionOf(record),
      hashAlgorithm: 'sha512',
      finish: (args, signal) => this.#finish(args, AbortSignal.any([signal, this.#signal])),
      failureOf: (error) => this.#failureOf(error),
      rescue: (ended, signal) => this.#copyElsewhere(ended, AbortSignal.any([signal, this.#signal])),
    }
  }

  async #inspectionOf(record: ImageRecord): Promise<UploadInspection | null> {
    const { source, plugins, uploader } = this.#components
    const { method, caller } = this.#order
    // A copy is of what is an image already.
    if (method === 'copy-image') return null
    const facts = (this.#facts = await source.facts(this.#order, this.#signal))
    const formats = facts?.formats ?? formatsOf(record)
    if (formats === null) return uploader.inspectionOf(record)
    this.#formats = formats
    const changes = plugins.changesOf(caller, formats)
    this.#changes = {
      properties: { ...facts?.properties, ...changes.properties },
      formats: changes.formats ?? facts?.formats ?? null,
    }
    return uploader.inspectionOf({ ...record, ...formats, ...changes.formats })
  }

  #begin(upload: ImageUpload, claim: UploadSteps['begin']): Promise<ImageRecord> {
    this.#objects = upload.objects ?? []
    return claim(upload)
  }

  async #finish(args: FinishUploadArgs, signal: AbortSignal): Promise<unknown> {
    const { registers, copier } = this.#components
    const { id } = this.#order.image
    if (this.#isEnoughSoon(args)) return this.#activate(args, signal)
    const copied = await copier.copyOn(this.#order, args, this.#objects, signal)
    const whole = { ...args, ...copied }
    const changes = this.#changes
    return copier.orRemoved(copied, () =>
      isWithout(changes)
        ? registers.apply(id, 'image.finish-import', whole)
        : registers.apply(id, 'image.finish-changed-import', { ...whole, changes }),
    )
  }

  /** Whether the image is active with the first of several stores, as in Glance; one that is copied is active anyhow. */
  #isEnoughSoon({ objects = [] }: FinishUploadArgs): boolean {
    const { allMustSucceed, method } = this.#order
    return !allMustSucceed && method !== 'copy-image' && this.#objects.length > objects.length
  }

  async #activate(args: FinishUploadArgs, signal: AbortSignal): Promise<void> {
    const { registers, copier } = this.#components
    const { id } = this.#order.image
    const { there, failed, left } = await this.#reachFirst(args, signal)
    const remaining = left.map(({ store }) => store)
    const changes = isWithout(this.#changes) ? {} : { changes: this.#changes }
    const data = this.isStaged ? null : args.data
    await copier.orRemoved({ objects: there, failed: [] }, () => {
      const whole = { ...args, ...changes, data, objects: there, failed, remaining }
      return registers.apply(id, 'image.activate-import', whole)
    })
    const found = { ...args, objects: there }
    if (left.length > 0) await copier.spread(this.#order, found, [...there, ...left], { failed, signal })
  }

  /** Answers where the bytes are in back ends, which stores have failed, and where they are still to go. */
  async #reachFirst(args: FinishUploadArgs, signal: AbortSignal) {
    const { data, objects: there = [], sizeBytes, md5, sha512 } = args
    if (!this.isStaged || !data) {
      const isLeft = ({ url }: StoredObject) => !there.some((object) => object.url === url)
      return { there, failed: [], left: this.#objects.filter(isLeft) }
    }
    const staged = { ...data, sizeBytes, md5, sha512 }
    const { copier } = this.#components
    const { first, failed, left } = await copier.copyToFirst(this.#order, staged, this.#objects, signal)
    return { there: [first], failed, left }
  }

  /**
   * What is copied is still where it comes from: where one of several stores is enough, and the first one fails, it goes to the
   * others from there. Answers false where that is not so.
   */
  async #copyElsewhere(ended: UploadEnd, signal: AbortSignal): Promise<boolean> {
    const { allMustSucceed, method, stores, image } = this.#order
    const { registers, copier } = this.#components
    const [first = '', ...others] = stores
    const { checksum, hashValue, size, virtualSize } = image
    const left = this.#objects.filter(({ store }) => store !== first)
    // Without a digest nothing would tell other bytes.
    if (method !== 'copy-image' || allMustSucceed || others.length === 0 || hashValue === null) return false
    signal.throwIfAborted()
    const { objects, failed } = await copier.copyImage(this.#order, left, signal)
    const copied = { objects, failed: [first, ...failed] }
    const digests = { md5: checksum ?? '', sha512: hashValue, sizeBytes: size ?? 0, virtualSize }
    const args = { ...ended, ...digests, data: null, ...copied }
    await copier.orRemoved(copied, () => registers.apply(image.id, 'image.finish-import', args))
    return true
  }

  /** What was staged waits for another import, unless it is to blame. */
  #failureOf(error: unknown): 'image.end-import' | 'image.fail-import' {
    const isWaiting = this.#order.method === 'glance-direct' && !hasCode(error, ...FAULTS_OF_BYTES)
    return isWaiting ? 'image.end-import' : 'image.fail-import'
  }
}

/** Whether an image is made nothing of beside its bytes. */
export function isWithout({ properties, formats }: ImportChanges): boolean {
  return formats === null && Object.keys(properties).length === 0
}

/** null while they are not set. */
export function formatsOf({ diskFormat, containerFormat }: ImageRecord): IncomingFormats | null {
  return diskFormat === null || containerFormat === null ? null : { diskFormat, containerFormat }
}
