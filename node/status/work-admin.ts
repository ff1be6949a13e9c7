/** What operators do with tasks, and with bytes that were sent ahead of an import, behind the operator port. */
import type { Clock, Log } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { isoSeconds } from '../images/image-times.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import type { TaskRecord, TaskStatus } from '../tasks/task-record.ts'
import type { TaskRegisters } from '../tasks/task-registers.ts'

export interface WorkAdminComponents {
  clock: Clock
  log: Log
  tasks: Pick<TaskIndex, 'all'>
  taskRegisters: Pick<TaskRegisters, 'apply' | 'read' | 'freshen'>
  index: Pick<ImageIndex, 'rows'>
  registers: Pick<ImageRegisters, 'apply' | 'read' | 'freshen'>
}

export type TaskView = Pick<
  TaskRecord,
  'id' | 'type' | 'status' | 'owner' | 'imageId' | 'message' | 'createdAt' | 'updatedAt' | 'expiresAt'
> & { node: string }

/** A task with all that is known of it. */
export interface WholeTaskView extends TaskView {
  userId: string | null
  requestId: string
  input: Record<string, unknown>
  result: Record<string, unknown> | null
}

export interface TasksQuery {
  /** Null: all. */
  status: TaskStatus | null
  /** Id of the last task of the page before. */
  marker: string | null
  limit: number
}

export interface TasksPage {
  tasks: TaskView[]
  /** For the next page; null: there is none. */
  marker: string | null
}

export interface StagedImage {
  id: string
  name: string | null
  owner: string | null
  sizeBytes: number
  stagedAt: string
  /** Why it cannot be imported as it is; null: nothing is known against it. */
  problem: string | null
  /** Whether somebody imports it just now. */
  isImported: boolean
}

export interface StagingDocument {
  images: StagedImage[]
}

export class WorkAdmin {
  readonly #components: WorkAdminComponents

  constructor(components: WorkAdminComponents) {
    this.#components = components
  }

  /** The latest first. Throws NO_QUORUM; INVALID for a marker that there is not. */
  async tasks({ status, marker, limit }: TasksQuery): Promise<TasksPage> {
    const { tasks, taskRegisters } = this.#components
    await taskRegisters.freshen()
    const all = [...tasks.all()].filter((task) => status === null || task.status === status)
    const sorted = all.toSorted(latestFirst)
    const at = marker === null ? -1 : sorted.findIndex(({ id }) => id === marker)
    if (marker !== null && at < 0) throw new ImageError('INVALID', `There is no task ${marker} among these.`)
    const page = sorted.slice(at + 1, at + 1 + limit)
    return {
      tasks: page.map(viewOf),
      marker: at + 1 + limit < sorted.length ? (page.at(-1)?.id ?? null) : null,
    }
  }

  /** Throws NOT_FOUND, NO_QUORUM. */
  async task(id: string): Promise<WholeTaskView> {
    const task = await this.#components.taskRegisters.read(id)
    if (!task) throw new ImageError('NOT_FOUND', `There is no task ${id}.`)
    const { userId, requestId, input, result } = task
    return { ...viewOf(task), userId, requestId, input, result }
  }

  /** Forgets a task that is over before its time. Throws NOT_FOUND; CONFLICT while it is worked on. */
  async removeTask(id: string): Promise<void> {
    const { taskRegisters, log, clock } = this.#components
    await this.task(id)
    await taskRegisters.apply(id, 'task.remove', { now: new Date(clock.wallMs()).toISOString() })
    log.info({ task: id }, 'an operator has deleted a task')
  }

  /** The oldest first. Throws NO_QUORUM. */
  async staged(): Promise<StagingDocument> {
    const { registers, index } = this.#components
    await registers.freshen()
    const images: StagedImage[] = []
    for (const { staged, id, name, owner, upload } of index.rows())
      if (staged) {
        const { sizeBytes, stagedAt, problem } = staged
        images.push({ id, name, owner, sizeBytes, stagedAt, problem, isImported: upload !== null })
      }
    return { images: images.toSorted((a, b) => (a.stagedAt < b.stagedAt ? -1 : 1)) }
  }

  /** The image is queued again, without what was staged. Throws NOT_FOUND; CONFLICT while it is imported. */
  async clearStage(imageId: string): Promise<void> {
    const { registers, log, clock } = this.#components
    const known = await registers.read(imageId)
    const { staged } = known?.live ? known.record : {}
    if (!staged) throw new ImageError('NOT_FOUND', `Nothing is staged for an image ${imageId}.`)
    const { uploadId } = staged
    await registers.apply(imageId, 'image.expire-stage', { uploadId, now: isoSeconds(clock.wallMs()) })
    log.info({ image: imageId }, 'an operator has cleared what was staged')
  }
}

function viewOf({
  id,
  type,
  status,
  owner,
  imageId,
  message,
  createdAt,
  updatedAt,
  expiresAt,
  worker,
}: TaskRecord): TaskView {
  return { id, type, status, owner, imageId, message, createdAt, updatedAt, expiresAt, node: worker.node }
}

function latestFirst(a: TaskRecord, b: TaskRecord): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? 1 : -1
  return a.id < b.id ? -1 : 1
}
