/** All nodes are restarted, one after the other, while clients read and write through HAProxy: no read fails. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { controllers } from './controllers.ts'

const { cluster, haproxy, keystone } = controllers

const IMAGE_BYTES = 8 * 1024 ** 2
const READERS = 4
/** Between two requests of a client, ms: they are to meet every moment of a restart, not to fill the machine. */
const PAUSE_MS = 50
/** Generous: it has missed little. */
const READY_LIMIT_MS = 60_000

t.test('a rolling restart while clients read and write', async (t) => {
  const { token } = await keystone.issueToken('demo')
  const send = (method: string, path: string, body?: Buffer | string) =>
    fetch(`${haproxy.url}${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        ...(Buffer.isBuffer(body) && { 'content-type': 'application/octet-stream' }),
      },
      ...(body !== undefined && { body }),
    })
  const create = () => send('POST', '/v2/images', '{"disk_format":"raw","container_format":"bare"}')
  const { id } = (await (await create()).json()) as { id: string }
  const bytes = Buffer.alloc(IMAGE_BYTES, 'rolling')
  const md5 = createHash('md5').update(bytes).digest('hex')
  t.equal((await send('PUT', `/v2/images/${id}/file`, bytes)).status, 204)

  const over = new AbortController()
  let reads = 0
  const failures: string[] = []
  const read = async () => {
    while (!over.signal.aborted) {
      const answer = await send('GET', `/v2/images/${id}/file`).catch((error: unknown) => String(error))
      const body = typeof answer === 'string' ? null : await answer.arrayBuffer().catch(() => null)
      const found = body && createHash('md5').update(Buffer.from(body)).digest('hex')
      if (found !== md5) failures.push(typeof answer === 'string' ? answer : `${answer.status} ${found}`)
      reads++
      await sleep(PAUSE_MS)
    }
  }
  const made: string[] = []
  const refused: number[] = []
  let longestGapMs = 0
  const write = async () => {
    for (let lastMs = performance.now(); !over.signal.aborted; await sleep(PAUSE_MS)) {
      const answer = await create()
      const text = await answer.text()
      if (answer.status !== 201) refused.push(answer.status)
      else {
        made.push((JSON.parse(text) as { id: string }).id)
        longestGapMs = Math.max(longestGapMs, performance.now() - lastMs)
        lastMs = performance.now()
      }
    }
  }
  const clients = [...Array.from({ length: READERS }, () => read()), write()]
  for (const { index } of cluster.nodes) {
    await cluster.stop(index)
    await cluster.start(index)
    const isReady = async () => (await cluster.node(index).probe('/ready')) === 200
    t.ok(await waitFor(isReady, { limitMs: READY_LIMIT_MS }))
  }
  over.abort()
  await Promise.all(clients)
  t.strictSame(failures, [], `0 of ${reads} reads failed`)
  t.strictSame(
    refused.filter((status) => status !== 503),
    [],
    'a change is refused for a moment at most',
  )
  t.comment(
    `${made.length} changes, ${refused.length} were refused, the longest time without one was ${Math.round(longestGapMs)} ms`,
  )
  for (const each of [id, ...made]) t.equal((await send('DELETE', `/v2/images/${each}`)).status, 204)
})
