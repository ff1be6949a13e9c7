/** Keeps the records of tasks as the work goes on: their beginning, their end, and when they go. */
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { sleep, type Clock, type Log, type Random } from '../../cluster/runtime.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { Caller } from '../images/image-requests.ts'
import { ImageError } from '../errors.ts'
import type { TaskIndex } from './task-index.ts'
import type { TaskRecord, TaskType } from './task-record.ts'
import type { TaskRegisters } from './task-registers.ts'

export interface TaskKeeperComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  log: Log
  registers: Pick<TaskRegisters, 'apply' | 'newId'>
  index: Pick<TaskIndex, 'countOf'>
}

export interface TaskKeeperOptions {
  /** `task_time_to_live`: how long the record of a task that is over is kept. */
  keepMs: number
}

/** What is to be done. */
export interface NewTask {
  type: TaskType
  imageId: string
  input: Record<string, unknown>
  /** See TaskRecord. Null: the task's own `claimOf`. */
  bytes: UploadId | null
}

/** `sizeBytes`: how many bytes came; null where none did. */
export type TaskEnd = { status: 'success'; sizeBytes: number | null } | { status: 'failure'; message: string }

/** The end of a task is told even when the majority is away for a while; then the task reaper finds it out. */
const END_TRIES = 10
const HOUR_MS = 3_600_000
const END_PAUSE_MS = 500
/** Characters of a message: a reason, not a log. */
const MESSAGE_LENGTH_MAX = 1000
const MIB = 1024 ** 2
/** Of one user: each is a register and stands in every node's memory until its time is over, some KiB in all. */
export const TASKS_PER_USER_MAX = 5000

export class TaskKeeper {
  readonly #components: TaskKeeperComponents
  readonly #options: TaskKeeperOptions

  constructor(components: TaskKeeperComponents, options: TaskKeeperOptions) {
    this.#components = components
    this.#options = options
  }

  /** Throws TOO_LARGE for a user who has too many. Requests side by side may exceed it together, at each node by their number. */
  requireRoom({ projectId, userId }: Caller): void {
    if (this.#components.index.countOf(projectId, userId) < TASKS_PER_USER_MAX) return
    const hours = this.#options.keepMs / HOUR_MS
    throw new ImageError(
      'TOO_LARGE',
      `This user has ${TASKS_PER_USER_MAX} tasks, which is the limit; those that are over are forgotten after ${hours} hours.`,
    )
  }

  /** A pending task that this node will work on. Throws NO_QUORUM. */
  create(caller: Caller, { type, imageId, input, bytes }: NewTask): Promise<TaskRecord> {
    const { identity, random, registers } = this.#components
    const id = registers.newId(random)
    const now = this.#now()
    const record: TaskRecord = {
      id,
      type,
      status: 'pending',
      owner: caller.projectId,
      userId: caller.userId,
      imageId,
      requestId: caller.requestId,
      input,
      result: null,
      message: '',
      createdAt: now,
      updatedAt: now,
      expiresAt: null,
      worker: { node: identity.id, startNonce: identity.startNonce },
      bytes: bytes ?? claimOf(id),
    }
    return registers.apply(id, 'task.create', { record })
  }

  /** Nothing was begun, and nobody was told of it. Never rejects. */
  async discard({ id }: TaskRecord): Promise<void> {
    const { registers, log } = this.#components
    await registers.apply(id, 'task.discard', { now: this.#now() }).catch((error: unknown) => {
      log.warn({ task: id, error: String(error) }, 'a task that was not begun is left to the task reaper')
    })
  }

  /** The work begins. Never rejects: a task that says less than there is does no harm. */
  async begin({ id }: TaskRecord): Promise<void> {
    const { registers, log } = this.#components
    await registers.apply(id, 'task.begin', { now: this.#now() }).catch((error: unknown) => {
      log.warn({ task: id, error: String(error) }, 'the beginning of a task could not be told')
    })
  }

  /** How many bytes there are so far. Never rejects, as `begin`. */
  async note({ id }: TaskRecord, sizeBytes: number): Promise<void> {
    const { registers, log } = this.#components
    const args = { message: copiedText(sizeBytes), now: this.#now() }
    await registers.apply(id, 'task.note', args).catch((error: unknown) => {
      log.debug({ task: id, error: String(error) }, 'the progress of a task could not be told')
    })
  }

  /** Never rejects. */
  async end(task: TaskRecord, end: TaskEnd, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.endOnce(task, end)
      } catch (error) {
        if (tries === END_TRIES || signal.aborted) {
          const { log } = this.#components
          return log.warn(
            { task: task.id, error: String(error) },
            'the end of a task is left to the task reaper',
          )
        }
        await sleep(this.#components.clock, END_PAUSE_MS, signal).catch(() => {})
      }
    }
  }

  /** Throws as Registers.execute does. */
  async endOnce({ id, imageId }: TaskRecord, end: TaskEnd): Promise<void> {
    const { clock, registers } = this.#components
    const expiresAt = new Date(clock.wallMs() + this.#options.keepMs).toISOString()
    const isSuccess = end.status === 'success'
    await registers.apply(id, 'task.end', {
      status: end.status,
      result: isSuccess ? { image_id: imageId } : null,
      message: (isSuccess ? copiedText(end.sizeBytes) : end.message).slice(0, MESSAGE_LENGTH_MAX),
      expiresAt,
      now: this.#now(),
    })
  }

  #now(): string {
    return new Date(this.#components.clock.wallMs()).toISOString()
  }
}

/** The upload that works for a task: its claim on the image. */
export function claimOf(taskId: string): UploadId {
  return taskId.replaceAll('-', '')
}

/** How far a task is, in Glance's words. */
function copiedText(sizeBytes: number | null): string {
  return sizeBytes === null ? '' : `Copied ${Math.floor(sizeBytes / MIB)} MiB`
}
