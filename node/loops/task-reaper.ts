/**
 * Ends the tasks whose worker is gone, and forgets those whose time is over. Whether the work was done is read off the image,
 * as a majority has it: the reaper ends the worker's claim on it first, and from then on nothing of it can come any more.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import { claimOf, type TaskEnd, type TaskKeeper } from '../tasks/task-keeper.ts'
import { isOver, type TaskRecord } from '../tasks/task-record.ts'
import type { TaskRegisters } from '../tasks/task-registers.ts'
import { shownUrl } from '../outbound/outbound-http.ts'
import { Loop } from './loop.ts'
import { unlessOver } from './unless-over.ts'
import type { WorkerLife } from './worker-life.ts'

export interface TaskReaperComponents {
  clock: Clock
  log: Log
  index: Pick<TaskIndex, 'all'>
  registers: Pick<TaskRegisters, 'apply'>
  keeper: Pick<TaskKeeper, 'endOnce'>
  images: Pick<ImageRegisters, 'read'>
  workers: WorkerLife
  /** Whether this node is the one that sees to a task now: all of them at once would only be in each other's way. */
  seesTo: (taskId: string) => boolean
  /** Until this node has caught up, it stands still (R11). */
  caughtUp: () => boolean
}

const LOOK_EVERY_MS = 5000
/** A worker tells the end of a task behind that of the image: it is not taken for gone in between. */
const QUIET_MS_MIN = 10_000
/** So long beyond its time every node sees to a task: the one that should may have fallen ill. */
const OVERDUE_MS = 60_000
/** Two rounds of votes each, one after the other; the rest comes at the next look. */
const TASKS_PER_RUN_MAX = 500

export class TaskReaper {
  readonly loop: Loop
  readonly #components: TaskReaperComponents

  constructor(components: TaskReaperComponents) {
    this.#components = components
    const options = { name: 'task-reaper', everyMs: LOOK_EVERY_MS, retryMs: LOOK_EVERY_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal))
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { caughtUp, index } = this.#components
    if (!caughtUp()) return
    const due = [...index.all()].filter((task) => (isOver(task) ? this.#isDue(task) : this.#isOrphan(task)))
    for (const task of due.slice(0, TASKS_PER_RUN_MAX)) {
      signal.throwIfAborted()
      await (isOver(task) ? this.#expire(task) : this.#settle(task))
    }
  }

  /** By this node's clock: a wrong one forgets early or late. */
  #isDue({ id, expiresAt }: TaskRecord): boolean {
    const overdueMs = this.#ageMs(expiresAt)
    return overdueMs >= (this.#components.seesTo(id) ? 0 : OVERDUE_MS)
  }

  #isOrphan(task: TaskRecord): boolean {
    return (
      this.#ageMs(task.updatedAt) >= QUIET_MS_MIN &&
      this.#components.workers.isGone(task.worker, claimOf(task.id))
    )
  }

  #ageMs(time: string | null): number {
    return this.#components.clock.wallMs() - Date.parse(time ?? '')
  }

  async #settle(task: TaskRecord): Promise<void> {
    const { images, keeper, log } = this.#components
    const known = await images.read(task.imageId)
    const { upload, hashing } = known?.record ?? {}
    const claim = claimOf(task.id)
    // The image is given back first.
    if (upload?.uploadId === claim || hashing?.hashId === claim) return
    const end: TaskEnd = isDone(task, known?.record)
      ? { status: 'success', sizeBytes: task.type === 'location_import' ? null : (known?.record.size ?? 0) }
      : { status: 'failure', message: 'The node that did this is gone; import the image again.' }
    await unlessOver(() => keeper.endOnce(task, end))
    log.warn({ task: task.id, image: task.imageId, ...end }, 'the worker of a task is gone: it was ended')
  }

  async #expire(task: TaskRecord): Promise<void> {
    const { registers, clock } = this.#components
    const now = new Date(clock.wallMs()).toISOString()
    await unlessOver(() => registers.apply(task.id, 'task.expire', { now }))
  }
}

function isDone({ type, bytes, input }: TaskRecord, image: ImageRecord | undefined): boolean {
  if (type !== 'location_import') return image?.data?.uploadId === bytes
  return image?.locations?.some(({ url }) => shownUrl(url) === input['loc_url']) ?? false
}
