/** What the probes ask of imports. */
import { parseSetting, type Setting } from '../../deploy/dev/node-config.ts'
import { describe, jsonOf, type ImageClient } from './image-client.ts'
import { eventually } from './probe-cluster.ts'

export interface Task {
  status: string
  message: string
  request_id: string
}

const JSON_TYPE = { 'content-type': 'application/json' }
const OCTETS = { 'content-type': 'application/octet-stream' }

/** Lets nodes fetch from a server of the test's own: strangers may name no loopback address, and few ports. */
export function fetchingFrom(url: string): Setting[] {
  return [
    `import_filtering_opts.allowed_ports=${new URL(url).port}`,
    'import_filtering_opts.allowed_addresses=127.0.0.1',
  ].map(parseSetting)
}

export async function stage(client: ImageClient, id: string, bytes: Buffer): Promise<void> {
  const reply = await client.send('PUT', `/v2/images/${id}/stage`, { headers: OCTETS, body: bytes })
  if (reply.status !== 204) throw new Error(`stage answered ${describe(reply)}`)
}

export function askImport(client: ImageClient, id: string, method: object, options: object = {}) {
  const body = Buffer.from(JSON.stringify({ method, ...options }))
  return client.send('POST', `/v2/images/${id}/import`, { headers: JSON_TYPE, body })
}

/** Answers the id of the request. */
export async function beginImport(...asked: Parameters<typeof askImport>): Promise<string> {
  const reply = await askImport(...asked)
  if (reply.status !== 202) throw new Error(`import answered ${describe(reply)}`)
  return String(reply.headers['x-openstack-request-id'])
}

/** The one task of an image, when it has ended. */
export async function endOf(client: ImageClient, id: string): Promise<Task> {
  let tasks: Task[] = []
  await eventually('the import ends', async () => {
    const reply = await client.send('GET', `/v2/images/${id}/tasks`)
    tasks = (jsonOf(reply) as { tasks: Task[] }).tasks
    return tasks.every(({ status }) => status === 'success' || status === 'failure')
  })
  if (tasks.length === 1) return tasks[0]!
  throw new Error(`an import is ${tasks.length} tasks`)
}
