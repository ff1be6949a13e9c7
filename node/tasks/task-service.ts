/** The tasks as callers see them. Whether a caller may ask at all is for the façade's policy. */
import { ImageError } from '../errors.ts'
import { isWithoutQuorum, noMajority } from '../images/image-registers.ts'
import type { Caller } from '../images/image-requests.ts'
import type { ImageServicePort } from '../images/image-service-port.ts'
import type { TaskIndex } from './task-index.ts'
import type { TaskRecord } from './task-record.ts'
import type { TaskRegisters } from './task-registers.ts'
import type { TaskPage, TaskQuery, TaskServicePort, TaskSortKey } from './task-service-port.ts'

export interface TaskServiceComponents {
  registers: Pick<TaskRegisters, 'read' | 'freshen'>
  index: TaskIndex
  images: Pick<ImageServicePort, 'show'>
}

export class TaskService implements TaskServicePort {
  readonly #components: TaskServiceComponents

  constructor(components: TaskServiceComponents) {
    this.#components = components
  }

  async list(caller: Caller, query: TaskQuery): Promise<TaskPage> {
    const { registers, index } = this.#components
    await withMajority(registers.freshen())
    const seen = [...index.all()].filter((task) => sees(caller, task))
    const marker = query.marker === null ? null : seen.find(({ id }) => id === query.marker)
    if (marker === undefined)
      throw new ImageError('INVALID', `Task with the given id ${query.marker} was not found`)
    const { type, status, limit } = query
    const order = orderOf(query)
    const wanted = seen.filter(
      (task) =>
        (type === null || task.type === type) &&
        (status === null || task.status === status) &&
        (marker === null || order(task, marker) > 0),
    )
    const tasks = wanted.toSorted(order).slice(0, limit)
    return { tasks, more: limit > 0 && tasks.length === limit }
  }

  async show(caller: Caller, id: string): Promise<TaskRecord> {
    const task = await withMajority(this.#components.registers.read(id))
    if (task && sees(caller, task)) return task
    throw new ImageError('NOT_FOUND', `Could not find task ${id}`)
  }

  async ofImage(caller: Caller, imageId: string): Promise<TaskRecord[]> {
    const { registers, index, images } = this.#components
    await images.show(caller, imageId)
    await withMajority(registers.freshen())
    return index.ofImage(imageId).filter((task) => sees(caller, task))
  }
}

function sees({ isAdmin, projectId }: Caller, { owner }: TaskRecord): boolean {
  return isAdmin || (owner !== null && owner === projectId)
}

/** As Glance: what is equal by the key is told apart by creation and id, in the same direction. */
function orderOf({ sortKey, direction }: TaskQuery): (a: TaskRecord, b: TaskRecord) => number {
  const sign = direction === 'asc' ? 1 : -1
  const keys: TaskSortKey[] = [sortKey, 'createdAt', 'id']
  return (a, b) => {
    for (const key of keys) {
      const [left, right] = [a[key] ?? '', b[key] ?? '']
      if (left !== right) return left < right ? -sign : sign
    }
    return 0
  }
}

async function withMajority<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw isWithoutQuorum(error) ? noMajority(error) : error
  }
}
