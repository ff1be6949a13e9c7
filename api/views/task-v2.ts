/** A task as API v2 shows it: with its image as Glance's database has it, alone as other resources are. */
import { wholeSeconds } from '../../node/images/image-times.ts'
import type { TaskRecord } from '../../node/tasks/task-record.ts'
import type { TaskPage } from '../../node/tasks/task-service-port.ts'
import { pageLink } from './page-link.ts'

export const TASKS_PATH = '/v2/tasks'

/** Among the tasks of an image. */
export function imageTaskView(task: TaskRecord) {
  return {
    id: task.id,
    type: task.type,
    status: task.status,
    owner: task.owner,
    expires_at: rawTime(task.expiresAt),
    created_at: rawTime(task.createdAt),
    updated_at: rawTime(task.updatedAt),
    deleted_at: null,
    deleted: false,
    image_id: task.imageId,
    request_id: task.requestId,
    user_id: task.userId,
    input: task.input,
    result: task.result,
    message: task.message,
  }
}

export function taskView(task: TaskRecord) {
  return {
    ...stubView(task),
    input: task.input,
    result: task.result,
    message: task.message,
    // Whoever asks for an import of this kind learns of the image when there is one.
    ...(task.type !== 'import' && { image_id: task.imageId }),
    request_id: task.requestId,
    user_id: task.userId,
  }
}

/** The links keep every parameter of the request. */
export function taskPageView({ tasks, more }: TaskPage, query: URLSearchParams) {
  const last = tasks.at(-1)
  return {
    tasks: tasks.map(stubView),
    first: pageLink(TASKS_PATH, query, null),
    ...(more && last && { next: pageLink(TASKS_PATH, query, last.id) }),
    schema: '/v2/schemas/tasks',
  }
}

/** Clients hold an owner to be a text, as the schema says; a caller without a project is none. */
function stubView({ id, type, status, owner, createdAt, updatedAt, expiresAt }: TaskRecord) {
  return {
    id,
    type,
    status,
    ...(owner !== null && { owner }),
    created_at: wholeSeconds(createdAt),
    updated_at: wholeSeconds(updatedAt),
    ...(expiresAt !== null && { expires_at: wholeSeconds(expiresAt) }),
    self: `${TASKS_PATH}/${id}`,
    schema: '/v2/schemas/task',
  }
}

/** With microseconds and without a zone: that is how Glance lets them out here, and what clients of it parse. */
function rawTime(time: string | null): string | null {
  return time && time.replace(/(\.\d{3})Z$/, '$1000')
}
