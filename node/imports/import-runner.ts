/**
 * Does what was asked for behind the answer: each import is a task and, under the task's id, the upload that owns its image.
 * Whatever happens, the image ends as it is documented and the task says why; when this node goes, the reapers say it.
 */
import { hasCode, SeracError, toError } from '../../cluster/errors.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { stopController, type Clock, type Log } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import { ImageError } from '../errors.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { Grant } from '../images/image-policy.ts'
import type { ImageRecord, ImageUpload } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { Caller } from '../images/image-requests.ts'
import { isoSeconds } from '../images/image-times.ts'
import type { ImageUploader } from '../images/image-uploader.ts'
import { OutboundError } from '../outbound/outbound-http.ts'
import { claimOf, type TaskKeeper } from '../tasks/task-keeper.ts'
import type { TaskRecord } from '../tasks/task-record.ts'
import { PACKING_HEAD_BYTES, peek } from './decompress.ts'
import type { ImportPlugins } from './import-plugins.ts'
import type { Fetched, ImportSource } from './import-source.ts'
import { formatsOf, ImportWork, isWithout } from './import-work.ts'
import type { Copied, StoreCopier } from './store-copier.ts'

export interface ImportRunnerComponents {
  identity: NodeIdentity
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  uploader: Pick<ImageUploader, 'run' | 'inspectionOf'>
  tasks: Pick<TaskKeeper, 'create' | 'discard' | 'begin' | 'note' | 'end'>
  source: Pick<ImportSource, 'facts' | 'open'>
  plugins: ImportPlugins
  copier: StoreCopier
}

export interface ImportRunnerOptions {
  /** Largest image. */
  sizeBytesMax: number
}

/** `image`: as it was when the import was allowed. */
export interface ImportJob extends Fetched {
  caller: Caller
  grant: Grant
  /** Ids; the cluster, if it is among them, comes first. */
  stores: string[]
  /** Otherwise it is enough that one of the stores is reached. */
  allMustSucceed: boolean
  /** What is left of the owner's quota; null = no quota. */
  roomBytes: number | null
  /** Of the task. */
  input: Record<string, unknown>
}

interface Outcomes {
  onBegun: () => void
  refuse: (error: Error) => void
  /** Of a task that has not begun. */
  discard: () => Promise<void>
}

/** Uploads wait for the same workers, and their clients wait for them; slow servers must not take them all. */
const IMPORTS_AT_ONCE = 4
/** Often enough for people who watch; each is a round of votes. */
const NOTE_EVERY_MS = 5000
/** Imports that wait or run at this node: each holds an image, and some memory. */
const IMPORTS_MAX = 256

export class ImportRunner {
  readonly #components: ImportRunnerComponents
  readonly #options: ImportRunnerOptions
  readonly #turns = new Semaphore(IMPORTS_AT_ONCE)
  readonly #running = new Map<UploadId, Promise<unknown>>()
  /** What is being fetched. */
  readonly #fetching = new Set<{ imageId: string; stop: AbortController }>()
  readonly #stopping = stopController()

  constructor(components: ImportRunnerComponents, options: ImportRunnerOptions) {
    this.#components = components
    this.#options = options
  }

  /** Throws UNAVAILABLE when this node has too many imports already. */
  requireRoom(): void {
    if (this.#running.size < IMPORTS_MAX) return
    throw new ImageError('UNAVAILABLE', `This node imports ${IMPORTS_MAX} images already; try again.`)
  }

  /** Resolves when the image belongs to the import, which then ends by itself. Throws why it may not begin. */
  async start(job: ImportJob): Promise<void> {
    const { tasks } = this.#components
    const { caller, image, input } = job
    const kept = await this.#keptStage(job)
    const task = await tasks.create(caller, {
      type: 'api_image_import',
      imageId: image.id,
      input,
      bytes: kept,
    })
    await new Promise<void>((resolve, reject) => {
      const claim = claimOf(task.id)
      const run = (begun: () => void) =>
        kept === null ? this.#bring(job, task, begun) : this.#importStaged(job, task, begun)
      const discard = () => tasks.discard(task)
      const running = this.#run(job, task, run, { onBegun: resolve, refuse: reject, discard }).finally(() =>
        this.#running.delete(claim),
      )
      this.#running.set(claim, running)
    })
  }

  /**
   * As `start`, for a task that is held, until it has ended: answers whether the image has its bytes, or may have. Throws,
   * and leaves the task to the caller, when the import may not begin.
   */
  async follow(job: ImportJob, task: TaskRecord): Promise<boolean> {
    const seen: { refusal: Error | null; hasBegun: boolean } = { refusal: null, hasBegun: false }
    const isDone = await this.#run(job, task, (begun) => this.#bring(job, task, begun), {
      onBegun: () => void (seen.hasBegun = true),
      refuse: (error) => void (seen.refusal = error),
      discard: async () => {},
    })
    if (seen.refusal !== null && !seen.hasBegun) throw seen.refusal
    return isDone
  }

  /** While `work` goes on, which must not reject, this node works on the task. */
  hold(task: TaskRecord, work: Promise<void>): void {
    const claim = claimOf(task.id)
    this.#running.set(
      claim,
      work.finally(() => this.#running.delete(claim)),
    )
  }

  /** Whether this node still works on an import; its image is for the reaper otherwise. */
  isRunning(claim: UploadId): boolean {
    return this.#running.has(claim)
  }

  /** An image is deleted; nobody waits for bytes that it will not take. */
  noteDeleted(imageId: string): void {
    for (const fetching of this.#fetching)
      if (fetching.imageId === imageId)
        fetching.stop.abort(new ImageError('GONE', `Image ${imageId} was deleted while it was imported.`))
  }

  /** The uploads must have been stopped: waits until each task says how it ended, as far as a majority is there. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ImageError('UNAVAILABLE', 'The node that did the import was stopped.'))
    await Promise.allSettled(this.#running.values())
  }

  /** The upload of the staged bytes that become the data as they are; null where bytes are brought, or become others. */
  async #keptStage(job: ImportJob): Promise<UploadId | null> {
    const { source, plugins } = this.#components
    const { method, image } = job
    const formats = formatsOf(image)
    if (method !== 'glance-direct' || !image.staged) return null
    const headOf = async () => {
      const { head, close } = await peek(source.open(job, null, this.#stopping.signal), PACKING_HEAD_BYTES)
      await close()
      return head
    }
    const isChanged = formats !== null && (await plugins.changesBytes(formats, headOf))
    return isChanged ? null : image.staged.uploadId
  }

  /**
   * Never rejects: `refuse` is called instead as long as nothing has begun. `work` calls back when it has, and answers how
   * many bytes have come. Answers whether the image has them, or may have.
   */
  async #run(
    job: ImportJob,
    task: TaskRecord,
    work: (begun: () => void) => Promise<number>,
    { onBegun, refuse, discard }: Outcomes,
  ): Promise<boolean> {
    const { tasks, log } = this.#components
    const progress = { isBegun: false }
    const begun = () => {
      progress.isBegun = true
      onBegun()
    }
    try {
      const sizeBytes = await work(begun)
      await tasks.end(task, { status: 'success', sizeBytes }, this.#stopping.signal)
      return true
    } catch (error) {
      const isOpen = hasCode(error, 'OUTCOME_UNKNOWN')
      if (!progress.isBegun && !isOpen) await discard()
      // Whether the image has its bytes is for a majority to say: the task reaper asks it.
      if (progress.isBegun && !isOpen)
        await tasks.end(task, { status: 'failure', message: reasonOf(error) }, this.#stopping.signal)
      if (progress.isBegun)
        log.warn({ image: job.image.id, task: task.id, error: String(error) }, 'an import has failed')
      refuse(toError(error))
      return isOpen
    }
  }

  /** In the cluster no byte is moved: they are where they will stay. Answers how many there are. */
  async #importStaged(job: ImportJob, task: TaskRecord, begun: () => void): Promise<number> {
    const { registers, identity, tasks, copier } = this.#components
    const { id } = job.image
    const uploadId = claimOf(task.id)
    const objects = await copier.objectsFor(job, uploadId)
    await this.#begin(job, task, {
      uploadId,
      node: identity.id,
      startNonce: identity.startNonce,
      onFailure: 'end-import',
      ...(objects.length > 0 && { objects }),
    })
    begun()
    await tasks.begin(task)
    try {
      const { size } = await this.#adopt(job, uploadId, objects)
      return size ?? 0
    } catch (error) {
      // What is only so for now says nothing against the bytes; and what cannot be said now is the reaper's to say.
      const end = hasCode(error, 'UNSUPPORTED_MEDIA') ? 'image.fail-import' : 'image.end-import'
      if (!hasCode(error, 'OUTCOME_UNKNOWN'))
        await registers.apply(id, end, { uploadId, now: this.#now() }).catch(() => {})
      throw error
    }
  }

  async #adopt(job: ImportJob, uploadId: UploadId, objects: readonly StoredObject[]): Promise<ImageRecord> {
    const { registers, copier } = this.#components
    const { image, stores, allMustSucceed } = job
    if (!allMustSucceed && stores.length > 1) return this.#adoptSoon(job, uploadId, objects)
    const copied = await this.#copyStaged(job, objects)
    const { changes, ...own } = this.#adoption(job, uploadId, objects)
    const args = { ...own, ...copied }
    return copier.orRemoved(copied, () =>
      changes
        ? registers.apply(image.id, 'image.import-changed-stage', { ...args, changes })
        : registers.apply(image.id, 'image.import-staged', args),
    )
  }

  /** What the register is told when staged bytes become the image's, whichever stores have them then. */
  #adoption({ image, caller, stores }: ImportJob, uploadId: UploadId, objects: readonly StoredObject[]) {
    const formats = formatsOf(image)
    const changes = formats && { ...this.#components.plugins.changesOf(caller, formats), formats: null }
    return {
      uploadId,
      isKept: objects.length < stores.length,
      now: this.#now(),
      ...(changes && !isWithout(changes) && { changes }),
    }
  }

  /** The image is active with the first store that has it, as in Glance, and goes on to the others. */
  async #adoptSoon(
    job: ImportJob,
    uploadId: UploadId,
    objects: readonly StoredObject[],
  ): Promise<ImageRecord> {
    const { registers, copier } = this.#components
    const { image } = job
    const { staged } = image
    const base = this.#adoption(job, uploadId, objects)
    // The register says what is wrong with it.
    if (!staged || staged.problem !== null)
      return registers.apply(image.id, 'image.activate-staged', { ...base, remaining: [] })
    return this.#whileCopying(job, async (signal) => {
      const { first, failed, left } = base.isKept
        ? { first: null, failed: [], left: objects }
        : await copier.copyToFirst(job, staged, objects, signal)
      const there = first ? [first] : []
      const remaining = left.map(({ store }) => store)
      const args = { ...base, objects: there, failed, remaining }
      const record = await copier.orRemoved({ objects: there, failed: [] }, () =>
        registers.apply(image.id, 'image.activate-staged', args),
      )
      const { sizeBytes, virtualSize, md5, sha512 } = staged
      const found = {
        uploadId,
        data: record.data,
        objects: there,
        sizeBytes,
        virtualSize,
        md5,
        sha512,
        now: base.now,
      }
      if (remaining.length > 0) await copier.spread(job, found, [...there, ...left], { failed, signal })
      return record
    })
  }

  async #copyStaged(job: ImportJob, objects: readonly StoredObject[]): Promise<Copied> {
    const { staged } = job.image
    if (!staged || staged.problem !== null || objects.length === 0) return { objects: [], failed: [] }
    return this.#whileCopying(job, (signal) =>
      this.#components.copier.copyStaged(job, staged, objects, signal),
    )
  }

  /** Copies wait for their turn as what is fetched does. */
  #whileCopying<T>(job: ImportJob, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#whileFetching(job, async (stopped) => {
      const signal = AbortSignal.any([stopped, this.#stopping.signal])
      const endTurn = await this.#turns.acquire(signal)
      try {
        return await act(signal)
      } finally {
        endTurn()
      }
    })
  }

  /** The signal ends what is fetched when its image is deleted, and at the latest when `act` is over. */
  async #whileFetching<T>({ image }: ImportJob, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = stopController()
    const fetching = { imageId: image.id, stop }
    this.#fetching.add(fetching)
    try {
      return await act(stop.signal)
    } finally {
      this.#fetching.delete(fetching)
      stop.abort(new ImageError('UNAVAILABLE', 'Nobody waits for these bytes any more.'))
    }
  }

  /** Answers how many bytes have come. */
  #bring(job: ImportJob, task: TaskRecord, begun: () => void): Promise<number> {
    return this.#whileFetching(job, async (stopped) => {
      const counted = { sizeBytes: 0 }
      const sizeBytesMax = Math.min(this.#options.sizeBytesMax, job.roomBytes ?? Infinity)
      const work = new ImportWork(this.#components, { ...job, sizeBytesMax }, stopped)
      const body = work.body((bytes) => this.#watched(bytes, task, counted))
      const turn = async (signal: AbortSignal) => {
        const end = await this.#turns.acquire(signal)
        await this.#components.tasks.begin(task)
        return end
      }
      const { image, roomBytes, stores } = job
      const terms = { md5: null, onFailure: 'end-import' as const, onBegun: begun, turn }
      const declaredSizeBytes = job.method === 'copy-image' ? image.size : null
      const uploadId = claimOf(task.id)
      const { isStaged } = work
      const request = { id: image.id, body, declaredSizeBytes, roomBytes, terms, uploadId, stores, isStaged }
      await this.#components.uploader.run(
        request,
        work.steps((upload) => this.#begin(job, task, upload)),
      )
      // Not all stores may have taken all of it.
      return (job.method === 'copy-image' ? image.size : null) ?? counted.sizeBytes
    })
  }

  /** Tells now and then how many have passed. */
  async *#watched(
    body: AsyncIterable<Uint8Array>,
    task: TaskRecord,
    counted: { sizeBytes: number },
  ): AsyncGenerator<Uint8Array> {
    const { clock, tasks } = this.#components
    let toldMs = clock.monotonicMs()
    for await (const piece of body) {
      counted.sizeBytes += piece.length
      if (clock.monotonicMs() - toldMs >= NOTE_EVERY_MS) {
        toldMs = clock.monotonicMs()
        void tasks.note(task, counted.sizeBytes)
      }
      yield piece
    }
  }

  #begin(job: ImportJob, task: TaskRecord, upload: ImageUpload): Promise<ImageRecord> {
    const { grant, method, stores, image } = job
    const staged = image.staged?.uploadId ?? null
    const args = { grant, method, upload, taskId: task.id, stores, staged, now: this.#now() }
    return this.#components.registers.apply(image.id, 'image.begin-import', args)
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}

/** For the caller, by way of the task. */
function reasonOf(error: unknown): string {
  if (error instanceof ImageError || error instanceof OutboundError) return error.message
  if (hasCode(error, 'STORE_FULL')) return 'There is no room left for image data.'
  if (error instanceof SeracError) return `The data could not be stored now (${error.code}); try again.`
  return 'An unexpected error ended the import. The log of the node has the id of this task.'
}
