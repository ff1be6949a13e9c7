/**
 * A task: one piece of work that goes on behind the answer to a request, and what came of it (glance-api.md §9.5). It is
 * the value of a register of its own, so that any node tells of it and any node can settle it when its worker is gone.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'

export const TASK_TYPES = ['import', 'api_image_import', 'location_import'] as const
export type TaskType = (typeof TASK_TYPES)[number]

export const TASK_STATUSES = ['pending', 'processing', 'success', 'failure'] as const
export type TaskStatus = (typeof TASK_STATUSES)[number]

/** Who works on a task. The start decides whether it still does, as with uploads. */
export interface TaskWorker {
  node: NodeId
  startNonce: string
}

export interface TaskRecord {
  /** Lower-case UUID with dashes. */
  id: string
  type: TaskType
  status: TaskStatus
  /** Project of whoever asked for it. */
  owner: string | null
  userId: string | null
  imageId: string
  /** Of the request that began it: clients find their task by it. */
  requestId: string
  /** As Glance shows it, JSON. */
  input: Record<string, unknown>
  result: Record<string, unknown> | null
  /** For people: how far it is, or why it failed. */
  message: string
  /** ISO-8601 with milliseconds. */
  createdAt: string
  updatedAt: string
  /** When the record goes; null until the task has ended. */
  expiresAt: string | null
  worker: TaskWorker
  /** The upload under which the image will have its bytes: whether they came tells whether an unfinished task succeeded. */
  bytes: UploadId
}

const PREFIX = 'task/'

/** The register of a task. */
export function taskKey(id: string): string {
  return PREFIX + id
}

/** The task of a register, or null when the register holds something else. */
export function taskIdOf(key: string): string | null {
  return key.startsWith(PREFIX) ? key.slice(PREFIX.length) : null
}

/** Whether nothing will change about it any more. */
export function isOver({ status }: Pick<TaskRecord, 'status'>): boolean {
  return status === 'success' || status === 'failure'
}
