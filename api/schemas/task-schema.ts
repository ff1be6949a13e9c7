/** The schema of a task. */
import { TASK_STATUSES } from '../../node/tasks/task-record.ts'
import type { GlanceSchema } from './collection-schema.ts'

const time = { type: 'string', description: 'ISO 8601 time in UTC' }
const link = { type: 'string', readOnly: true }

const stubProperties = {
  id: {
    type: 'string',
    description: 'Id of the task',
    pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
  },
  // Glance leaves out the location_import of its newer releases here, too.
  type: { type: 'string', description: 'What is done', enum: ['import', 'api_image_import'] },
  status: { type: 'string', description: 'How far it is', enum: [...TASK_STATUSES] },
  owner: { type: 'string', description: 'Project that asked for it' },
  image_id: { type: 'string', description: 'Image that it is about' },
  request_id: { type: 'string', description: 'Request that began it' },
  user_id: { type: 'string', description: 'User who asked for it' },
  expires_at: { type: ['null', 'string'], description: 'ISO 8601 time at which the task is forgotten' },
  created_at: time,
  updated_at: time,
  self: link,
  schema: link,
}

/** As lists have it. */
export const taskStubSchema: GlanceSchema = { name: 'task', properties: stubProperties }

export const taskSchema: GlanceSchema = {
  name: 'task',
  properties: {
    ...stubProperties,
    input: { type: ['null', 'object'], description: 'What was asked for' },
    result: { type: ['null', 'object'], description: 'What came of it' },
    message: { type: 'string', description: 'Why it failed, or how far it is' },
  },
}
