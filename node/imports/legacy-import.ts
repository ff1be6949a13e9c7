/**
 * `POST /v2/tasks` of type import, as tools from before the import call use it: an image is made and filled from a URL, and
 * both are the task's. What is wrong beyond the URL shows in the task (glance-api.md §9.5).
 */
import { hasCode, toError } from '../../cluster/errors.ts'
import { ImageError } from '../errors.ts'
import type { ImageGuard } from '../images/image-guard.ts'
import { newImageId } from '../images/image-id.ts'
import type { Caller, ImageDraft } from '../images/image-requests.ts'
import type { ImageServicePort } from '../images/image-service-port.ts'
import type { ProjectQuotas } from '../images/project-quotas.ts'
import type { Random } from '../../cluster/runtime.ts'
import type { StoreList } from '../images/store-list.ts'
import type { TaskKeeper } from '../tasks/task-keeper.ts'
import type { TaskRecord } from '../tasks/task-record.ts'
import type { ImportRunner } from './import-runner.ts'

/** What is asked for; the URL has been looked at. */
export interface LegacyImport {
  uri: string
  /** null: what it was asked to be is no image, and `problem` says why. */
  draft: ImageDraft | null
  problem: string
  /** Of the task, as it may be shown. */
  input: Record<string, unknown>
}

export interface LegacyImporterComponents {
  random: Random
  images: Pick<ImageServicePort, 'create' | 'remove'>
  guard: Pick<ImageGuard, 'change'>
  projectQuotas: Pick<ProjectQuotas, 'roomForData'>
  stores: StoreList
  runner: Pick<ImportRunner, 'requireRoom' | 'hold' | 'follow'>
  tasks: Pick<TaskKeeper, 'create' | 'end' | 'requireRoom'>
}

const NEVER = new AbortController().signal

export class LegacyImporter {
  readonly #components: LegacyImporterComponents

  constructor(components: LegacyImporterComponents) {
    this.#components = components
  }

  /** The task, which goes on behind the answer. Throws TOO_LARGE, UNAVAILABLE. */
  async create(caller: Caller, order: LegacyImport): Promise<TaskRecord> {
    const { runner, tasks, random } = this.#components
    runner.requireRoom()
    tasks.requireRoom(caller)
    const imageId = newImageId(random)
    const task = await tasks.create(caller, { type: 'import', imageId, input: order.input, bytes: null })
    runner.hold(task, this.#run(caller, task, order))
    return task
  }

  /** Never rejects. */
  async #run(caller: Caller, task: TaskRecord, { uri, draft, problem, input }: LegacyImport): Promise<void> {
    const { images, tasks } = this.#components
    try {
      if (draft === null) throw new ImageError('INVALID', problem)
      await images.create(caller, { ...draft, id: task.imageId })
      if (await this.#fill(caller, task, uri, input)) return
    } catch (error) {
      // A majority has to say whether there is an image: the task reaper asks it.
      if (hasCode(error, 'OUTCOME_UNKNOWN')) return
      const isSaid = error instanceof ImageError
      const message = isSaid ? error.message : `The image could not be made (${toError(error).message}).`
      await tasks.end(task, { status: 'failure', message }, NEVER)
    }
    // Nobody has asked for an image without data.
    await images.remove(caller, task.imageId).catch(() => {})
  }

  /** Whether the image has its data; the task has ended. Throws when nothing has begun. */
  async #fill(
    caller: Caller,
    task: TaskRecord,
    uri: string,
    input: Record<string, unknown>,
  ): Promise<boolean> {
    const { guard, projectQuotas, stores, runner } = this.#components
    const fetched = { method: 'web-download', uri, remote: null } as const
    return guard.change(caller, task.imageId, ['modify_image'], async (grant, image) => {
      const roomBytes = await projectQuotas.roomForData(caller, image, null)
      const where = { stores: [stores.default], allMustSucceed: true }
      const job = { ...fetched, ...where, caller, grant, image, roomBytes, input }
      return runner.follow(job, task)
    })
  }
}
