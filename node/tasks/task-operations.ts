/** Everything that may happen to the record of a task, as operations on its register (rule R3). */
import type { Decision, OperationTable } from '../../cluster/register/operations.ts'
import { latest, operation, refuse, type Timed } from '../images/image-decisions.ts'
import { isOver, type TaskRecord } from './task-record.ts'

export interface CreateTaskArgs {
  record: TaskRecord
}

export interface NoteTaskArgs extends Timed {
  message: string
}

export interface EndTaskArgs extends Timed {
  status: 'success' | 'failure'
  result: Record<string, unknown> | null
  message: string
  /** ISO-8601. */
  expiresAt: string
}

const create = operation<CreateTaskArgs>((current, { record }) =>
  current
    ? refuse('CONFLICT', `There is a task ${record.id} already.`)
    : { kind: 'write', next: { live: true, record } },
)

const begin = onTask<Timed>((task, { now }) =>
  task.status === 'pending' ? write({ ...task, status: 'processing' }, now) : { kind: 'keep' },
)

const note = onTask<NoteTaskArgs>((task, { message, now }) =>
  isOver(task) ? { kind: 'keep' } : write({ ...task, message }, now),
)

/** The first end counts: whoever took the worker for gone may have been wrong, and its word is out already. */
const end = onTask<EndTaskArgs>((task, { now, ...ended }) =>
  isOver(task) ? { kind: 'keep' } : write({ ...task, ...ended }, now),
)

const expire = onTask<Timed>((task, { now }) => {
  if (task.expiresAt === null || task.expiresAt > now)
    return refuse('CONFLICT', `The time of task ${task.id} is not over.`)
  return { kind: 'write', next: { live: false, record: { id: task.id, deletedAt: now } } }
})

/** An operator wants to see it no more. */
const remove = onTask<Timed>((task, { now }) =>
  isOver(task)
    ? { kind: 'write', next: { live: false, record: { id: task.id, deletedAt: now } } }
    : refuse('CONFLICT', `Task ${task.id} is ${task.status}: it can be deleted when it is over.`),
)

/** What was to be begun, and was refused: nobody was told of it. */
const discard = onTask<Timed>((task, { now }) =>
  task.status === 'pending'
    ? { kind: 'write', next: { live: false, record: { id: task.id, deletedAt: now } } }
    : refuse('CONFLICT', `Task ${task.id} is ${task.status}.`),
)

export const taskOperations: OperationTable = {
  'task.create': create,
  'task.begin': begin,
  'task.note': note,
  'task.end': end,
  'task.expire': expire,
  'task.discard': discard,
  'task.remove': remove,
}

/** Arguments by operation, so that a caller cannot mix them up. */
export interface TaskOperationArgs {
  'task.create': CreateTaskArgs
  'task.begin': Timed
  'task.note': NoteTaskArgs
  'task.end': EndTaskArgs
  'task.expire': Timed
  'task.discard': Timed
  'task.remove': Timed
}

function write(task: TaskRecord, now: string): Decision {
  const updatedAt = latest(now, task.createdAt, task.updatedAt)
  return { kind: 'write', next: { live: true, record: { ...task, updatedAt } } }
}

function onTask<Args>(decide: (task: TaskRecord, args: Args) => Decision) {
  return operation<Args>((current, args) =>
    current?.live ? decide(current.record as TaskRecord, args) : refuse('NOT_FOUND', 'No such task.'),
  )
}
