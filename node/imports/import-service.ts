/** Stages bytes and imports images: what callers may ask for, and in which state of an image (glance-api.md §9). */
import type { Clock } from '../../cluster/runtime.ts'
import type { Backends } from '../backends/backends.ts'
import type { ImportMethod } from '../config/import-options.ts'
import { ImageError } from '../errors.ts'
import { ImageGuard } from '../images/image-guard.ts'
import type { ImagePolicy } from '../images/image-policy.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { Caller } from '../images/image-requests.ts'
import { isoSeconds } from '../images/image-times.ts'
import type { ImageUploader, UploadSteps } from '../images/image-uploader.ts'
import { refusalToImport } from '../images/import-operations.ts'
import { locationsOf, storedObjects } from '../images/location-rules.ts'
import { requireNotInUse } from '../images/objects-in-use.ts'
import type { ProjectQuotas } from '../images/project-quotas.ts'
import type { StoreList } from '../images/store-list.ts'
import { OutboundError, shownUrl, type OutboundHttp } from '../outbound/outbound-http.ts'
import type { UploadInspection } from '../inspect/upload-inspection.ts'
import type { TaskKeeper } from '../tasks/task-keeper.ts'
import type { TaskRecord } from '../tasks/task-record.ts'
import type { ImportRequest } from './import-requests.ts'
import type { ImportRunner } from './import-runner.ts'
import type { LegacyImport, LegacyImporter } from './legacy-import.ts'
import type { RemoteImage } from './remote-glance.ts'
import type { ImportServicePort } from './import-service-port.ts'
import { storesToReach } from './target-stores.ts'

export interface ImportServiceComponents {
  clock: Clock
  policy: ImagePolicy
  registers: Pick<ImageRegisters, 'apply' | 'read'>
  uploader: Pick<ImageUploader, 'run' | 'inspectionOf'>
  projectQuotas: Pick<ProjectQuotas, 'roomForData' | 'roomToStage'>
  outbound: Pick<OutboundHttp, 'check'>
  stores: StoreList
  backends: Pick<Backends, 'isInUse'>
  runner: Pick<ImportRunner, 'start' | 'requireRoom'>
  tasks: Pick<TaskKeeper, 'requireRoom'>
  legacy: Pick<LegacyImporter, 'create'>
}

export interface ImportServiceOptions {
  methods: readonly ImportMethod[]
}

export class ImportService implements ImportServicePort {
  readonly methods: readonly ImportMethod[]
  readonly #components: ImportServiceComponents
  readonly #guard: ImageGuard

  constructor(components: ImportServiceComponents, { methods }: ImportServiceOptions) {
    this.#components = components
    this.methods = methods
    const { policy, registers } = components
    this.#guard = new ImageGuard({ policy, read: (id) => registers.read(id) })
  }

  async stage(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
  ): Promise<void> {
    if (!this.methods.includes('glance-direct'))
      throw new ImageError(
        'NOT_FOUND',
        "Nothing can be staged: the import method 'glance-direct' is not enabled.",
      )
    const { registers, uploader, projectQuotas } = this.#components
    // A grant that does not hold any more is refused before the body is touched.
    await this.#guard.change(caller, id, ['modify_image'], async (grant, image) => {
      const roomBytes = await projectQuotas.roomToStage(caller, image, declaredSizeBytes)
      const terms = { md5: null, onFailure: 'unstage' as const }
      await uploader.run(
        { id, body, declaredSizeBytes, roomBytes, terms },
        this.#stageSteps(id, (upload) =>
          registers.apply(id, 'image.start-stage', { grant, upload, now: this.#now() }),
        ),
      )
    })
  }

  async import(caller: Caller, id: string, request: ImportRequest): Promise<void> {
    const method = this.#methodOf(request)
    const rule = method === 'copy-image' ? 'copy_image' : 'modify_image'
    await this.#guard.change(caller, id, [rule], async (grant, image) => {
      const refusal = refusalToImport(image, method)
      if (refusal) throw new ImageError(refusal.code, refusal.message)
      const stores = storesToReach(this.#components.stores, image, method, request)
      if (stores.length === 0) return
      const uri = method === 'web-download' ? this.#allowedUri(request) : null
      const remote = method === 'glance-download' ? remoteOf(request) : null
      const { runner, tasks } = this.#components
      runner.requireRoom()
      tasks.requireRoom(caller)
      const roomBytes = await this.#roomFor(caller, image)
      const input = { image_id: id, import_req: shownBody(request), backend: stores }
      const { allMustSucceed } = request
      const job = { caller, grant, image, method, uri, remote, stores, allMustSucceed, roomBytes, input }
      await runner.start(job)
    })
  }

  async importAsTask(caller: Caller, request: LegacyImport): Promise<TaskRecord> {
    const uri = this.#checkedUri(request.uri, 'URI for legacy import task')
    const input = { ...request.input, import_from: shownUrl(uri) }
    return this.#components.legacy.create(caller, { ...request, uri, input })
  }

  async removeFromStore(caller: Caller, id: string, store: string): Promise<void> {
    const { stores, registers, backends } = this.#components
    await this.#guard.change(caller, id, ['delete_image_location'], async (grant, image) => {
      if (!stores.has(store))
        throw new ImageError('CONFLICT', `The selected store ${store} is not available on this node.`)
      if (image.status !== 'active')
        throw new ImageError('CONFLICT', `Image ${id} is ${image.status}: it is not taken out of stores.`)
      const locations = locationsOf(image)
      if (locations.length === 1)
        throw new ImageError(
          'FORBIDDEN',
          'Cannot delete image data from the only store containing it. Consider deleting the image instead.',
        )
      const location = locations.find(({ url }) => stores.ofUrl(image, url) === store)
      if (!location) throw new ImageError('NOT_FOUND', `Image ${id} is not stored in store ${store}.`)
      await requireNotInUse(backends, id, storedObjects({ locations: [location] }))
      await registers.apply(id, 'image.drop-location', { grant, url: location.url, now: this.#now() })
    })
  }

  /** Throws TOO_LARGE, before there is a task, where that is known. */
  #roomFor(caller: Caller, image: ImageRecord): Promise<number | null> {
    const sizeBytes = image.staged?.sizeBytes ?? image.size
    return this.#components.projectQuotas.roomForData(caller, image, sizeBytes)
  }

  #methodOf({ method }: ImportRequest): ImportMethod {
    const known = this.methods.find((name) => name === method)
    if (known) return known
    throw new ImageError('INVALID', `Unknown import method name '${method}'.`)
  }

  /** Each hop is looked at again when it is fetched. */
  #allowedUri({ uri }: ImportRequest): string {
    return this.#checkedUri(uri ?? '', 'URI for web-download')
  }

  /** Throws INVALID. */
  #checkedUri(uri: string, what: string): string {
    try {
      this.#components.outbound.check(uri)
      return uri
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      throw new ImageError('INVALID', `${what} does not pass filtering: ${error.message}`, {}, error)
    }
  }

  /** What is wrong with the bytes is only noted: they may yet be made into something else before they are an image. */
  #stageSteps(id: string, begin: UploadSteps['begin']): UploadSteps {
    const { registers, uploader } = this.#components
    let inspection: UploadInspection | null = null
    return {
      begin,
      inspectionOf: (record) => (inspection = uploader.inspectionOf(record, { lets: 'everything' })),
      hashAlgorithm: 'sha512',
      finish: ({ uploadId, data, sizeBytes, virtualSize, md5, sha512, now }) => {
        const problem = inspection?.refusal ?? null
        // What is staged stays in the cluster.
        const staged = { ...data!, sizeBytes, virtualSize, md5, sha512, problem, stagedAt: now }
        return registers.apply(id, 'image.finish-stage', { uploadId, staged, now })
      },
    }
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}

/** Throws INVALID. */
function remoteOf({ remote }: ImportRequest): RemoteImage {
  if (remote) return remote
  throw new ImageError('INVALID', "'glance_region' needs to be set for glance-download import method")
}

/** Whoever sees the image sees its tasks: what a URL holds of credentials and signatures is for nobody. */
function shownBody({ body, method, uri, remote }: ImportRequest): Record<string, unknown> {
  return {
    ...body,
    method: {
      name: method,
      ...(uri !== null && { uri: shownUrl(uri) }),
      ...(remote && {
        glance_region: remote.region,
        glance_image_id: remote.imageId,
        glance_service_interface: remote.serviceInterface,
      }),
    },
  }
}
