/** Tasks: those of an image for whoever sees it, and all of them for administrators. */
import type { FastifyInstance } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import { TASK_STATUSES, TASK_TYPES } from '../../node/tasks/task-record.ts'
import { TASK_SORT_KEYS, type TaskQuery } from '../../node/tasks/task-service-port.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { baseUrl } from '../base-url.ts'
import { callerOf } from '../context.ts'
import { sendJson } from '../replies.ts'
import { readJsonBody, refuseBody } from '../request-body.ts'
import { parseQuery } from '../url-query.ts'
import { imageTaskView, taskPageView, TASKS_PATH, taskView } from '../views/task-v2.ts'
import { parseChoice } from './filter-values.ts'
import { isUuid, userFieldRules } from './image-fields.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'
import { last, parseLimit, parseMarker, type PageLimits } from './image-list-query.ts'
import { parseTaskBody } from './task-body.ts'

interface TaskParams {
  Params: { taskId: string }
}

/** The words of a query for what records call otherwise. */
const FIELDS = new Map([
  ['created_at', 'createdAt'],
  ['updated_at', 'updatedAt'],
  ['expires_at', 'expiresAt'],
])

export function taskRoutes(
  app: FastifyInstance,
  { tasks, imports, policy, clock }: ApiComponents,
  options: ApiOptions,
): void {
  const rules = userFieldRules(options)

  app.get<ImageParams>('/images/:imageId/tasks', async (request, reply) => {
    refuseBody(request.raw)
    const found = await tasks.ofImage(callerOf(request), imageIdOf(request))
    return sendJson(reply, 200, { tasks: found.map(imageTaskView) })
  })

  app.get('/tasks', async (request, reply) => {
    const caller = callerOf(request)
    for (const rule of ['tasks_api_access', 'get_tasks']) policy.require(rule, caller)
    const query = parseQuery(request.url)
    const page = await tasks.list(caller, parseTaskQuery(query, options))
    return sendJson(reply, 200, taskPageView(page, query))
  })

  app.post('/tasks', async (request, reply) => {
    const caller = callerOf(request)
    for (const rule of ['tasks_api_access', 'add_task']) policy.require(rule, caller)
    const body = await readJsonBody(request.raw, reply.raw, clock)
    const task = await imports.importAsTask(caller, parseTaskBody(body, rules))
    reply.header('location', `${baseUrl(request, options)}${TASKS_PATH}/${task.id}`)
    return sendJson(reply, 201, taskView(task))
  })

  app.get<TaskParams>('/tasks/:taskId', async (request, reply) => {
    const caller = callerOf(request)
    for (const rule of ['tasks_api_access', 'get_task']) policy.require(rule, caller)
    const { taskId } = request.params
    if (!isUuid(taskId)) throw new ImageError('NOT_FOUND', 'No task has this id.')
    return sendJson(reply, 200, taskView(await tasks.show(caller, taskId.toLowerCase())))
  })
}

function parseTaskQuery(query: URLSearchParams, limits: PageLimits): TaskQuery {
  const word = last(query, 'sort_key') ?? 'created_at'
  return {
    limit: parseLimit(last(query, 'limit'), limits),
    marker: parseMarker(last(query, 'marker')),
    sortKey: parseChoice('sort_key', TASK_SORT_KEYS, FIELDS.get(word) ?? word),
    direction: parseChoice('sort_dir', ['asc', 'desc'], last(query, 'sort_dir') ?? 'desc'),
    type: optional(query, 'type', TASK_TYPES),
    status: optional(query, 'status', TASK_STATUSES),
  }
}

function optional<T extends string>(query: URLSearchParams, name: string, allowed: readonly T[]): T | null {
  const text = last(query, name)
  return text === undefined ? null : parseChoice(name, allowed, text)
}
