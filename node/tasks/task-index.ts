/** The tasks that this node knows, in memory: what lists are answered from, once it was freshened. */
import { decodeValue } from '../../cluster/register/register-value.ts'
import type { LearnerRow } from '../../cluster/register/storage.ts'
import { taskIdOf, type TaskRecord } from './task-record.ts'

export class TaskIndex {
  readonly #tasks = new Map<string, TaskRecord>()
  readonly #ofImages = new Map<string, Set<string>>()
  /** How many there are, by whose they are. */
  readonly #counts = new Map<string, number>()

  /** Takes a learned row. One that is not settled may yet come to nothing (R12). `row` null: the register is no more. */
  index(key: string, row: LearnerRow | null): void {
    const id = taskIdOf(key)
    if (id === null || (row && !row.settled)) return
    const value = row && decodeValue(row.value)
    if (value?.live) this.#put(value.record as TaskRecord)
    else this.#remove(id)
  }

  get(id: string): TaskRecord | null {
    return this.#tasks.get(id) ?? null
  }

  all(): IterableIterator<TaskRecord> {
    return this.#tasks.values()
  }

  /** How many tasks one user of one project has. */
  countOf(owner: string | null, userId: string | null): number {
    return this.#counts.get(userKey(owner, userId)) ?? 0
  }

  /** Oldest first. */
  ofImage(imageId: string): TaskRecord[] {
    const tasks = [...(this.#ofImages.get(imageId) ?? [])].flatMap((id) => this.get(id) ?? [])
    return tasks.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))
  }

  /** Whether the register of a key holds a task that lives. */
  isLive(key: string): boolean {
    return this.#tasks.has(taskIdOf(key) ?? '')
  }

  #put(task: TaskRecord): void {
    if (!this.#tasks.has(task.id)) this.#count(task, 1)
    this.#tasks.set(task.id, task)
    const ids = this.#ofImages.get(task.imageId) ?? new Set()
    this.#ofImages.set(task.imageId, ids.add(task.id))
  }

  #remove(id: string): void {
    const task = this.#tasks.get(id)
    if (!task) return
    this.#tasks.delete(id)
    this.#count(task, -1)
    const ids = this.#ofImages.get(task.imageId)
    ids?.delete(id)
    if (ids?.size === 0) this.#ofImages.delete(task.imageId)
  }

  #count({ owner, userId }: TaskRecord, more: 1 | -1): void {
    const key = userKey(owner, userId)
    const count = (this.#counts.get(key) ?? 0) + more
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}

function userKey(owner: string | null, userId: string | null): string {
  return JSON.stringify([owner, userId])
}
