/** What the façade asks of the tasks. All of it may throw ImageError. */
import type { Caller } from '../images/image-requests.ts'
import type { TaskRecord, TaskStatus, TaskType } from './task-record.ts'

export const TASK_SORT_KEYS = [
  'id',
  'type',
  'status',
  'owner',
  'createdAt',
  'updatedAt',
  'expiresAt',
] as const
export type TaskSortKey = (typeof TASK_SORT_KEYS)[number]

export interface TaskQuery {
  limit: number
  /** Id of the last task of the page before. */
  marker: string | null
  sortKey: TaskSortKey
  direction: 'asc' | 'desc'
  type: TaskType | null
  status: TaskStatus | null
}

export interface TaskPage {
  tasks: TaskRecord[]
  /** Whether the page is full, so that another may follow. */
  more: boolean
}

export interface TaskServicePort {
  /** Administrators see all, others what their project has asked for. INVALID for an unknown marker. */
  list(caller: Caller, query: TaskQuery): Promise<TaskPage>
  show(caller: Caller, id: string): Promise<TaskRecord>
  /** As `list`, of an image that the caller sees, oldest first. */
  ofImage(caller: Caller, imageId: string): Promise<TaskRecord[]>
}
