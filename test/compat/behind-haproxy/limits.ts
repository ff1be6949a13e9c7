/** What a project may have, as Keystone holds it: directly at each node. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ANSWER_LIMIT_MS, controllers, LIMITS_SECONDS } from './controllers.ts'

const { keystone, nodeUrls: urls } = controllers

t.test('the limits of a project count on every node', async (t) => {
  const { token } = await keystone.issueToken('stranger')
  const send = async (node: number, method: string, path: string, body?: Buffer) => {
    const type = path.endsWith('/file') ? 'application/octet-stream' : 'application/json'
    const headers = { 'x-auth-token': token, 'content-type': type, accept: 'text/plain' }
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
    const answer = await fetch(urls[node]! + path, { method, headers, signal, ...(body && { body }) })
    return { status: answer.status, text: await answer.text() }
  }
  const create = (node: number) =>
    send(node, 'POST', '/v2/images', Buffer.from('{"disk_format":"raw","container_format":"bare"}'))
  const idIn = ({ text }: { text: string }) => (JSON.parse(text) as { id: string }).id
  const usage = async (node: number) =>
    (JSON.parse((await send(node, 'GET', '/v2/info/usage')).text) as { usage: object }).usage

  t.match(await usage(0), {
    image_count_total: { usage: 0, limit: -1 },
    image_count_uploading: { usage: 0, limit: 5 },
  })
  await keystone.limit('stranger', 'image_count_total', 2)
  await keystone.limit('stranger', 'image_size_total', 1)
  await sleep(LIMITS_SECONDS * 1000)
  const ids = [idIn(await create(0)), idIn(await create(1))]
  const third = await create(2)
  t.equal(third.status, 413)
  t.match(
    third.text,
    'is over a limit for [Resource image_count_total is over limit of 2 due to current usage 2 and delta 1]',
  )
  const data = Buffer.alloc(2 * 1024 * 1024)
  t.match(await send(0, 'PUT', `/v2/images/${ids[0]}/file`, data), { status: 204 })
  t.match(await send(1, 'PUT', `/v2/images/${ids[1]}/file`, data), {
    status: 413,
    text: 'Resource image_size_total is over limit of 1 due to current usage 2 and delta 0',
  })
  t.match(await usage(2), {
    image_size_total: { usage: 2, limit: 1 },
    image_stage_total: { usage: 0, limit: -1 },
    image_count_total: { usage: 2, limit: 2 },
    image_count_uploading: { usage: 0, limit: 5 },
  })
  for (const id of ids) t.match(await send(2, 'DELETE', `/v2/images/${id}`), { status: 204 })
  t.match(await create(0), { status: 201 })
})
