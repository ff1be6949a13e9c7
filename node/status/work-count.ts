/** What waits behind the answers to requests: bytes that were sent ahead of an import, and tasks. */
import type { ImageRecord } from '../images/image-record.ts'
import { TASK_STATUSES, type TaskRecord, type TaskStatus } from '../tasks/task-record.ts'
import { addImage, noImages, type ImageSum } from './image-sum.ts'

export interface WorkCount {
  /** Images with bytes that nobody has imported yet, and how many bytes these are. */
  staged: ImageSum
  /** By their status; those that are over are kept for a while. */
  tasks: Record<TaskStatus, number>
}

export function countWork(
  images: readonly ImageRecord[],
  tasks: Iterable<Pick<TaskRecord, 'status'>>,
): WorkCount {
  const staged = noImages()
  for (const image of images) if (image.staged) addImage(staged, image.staged.sizeBytes)
  const counts = Object.fromEntries(TASK_STATUSES.map((status) => [status, 0])) as WorkCount['tasks']
  for (const { status } of tasks) counts[status]++
  return { staged, tasks: counts }
}
