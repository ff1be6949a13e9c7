/** Many compute nodes fetch one image while a node is killed: HAProxy and the other nodes hide it from all but its own streams. */
import { createHash, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { patternImage } from '../../helpers/pattern-image.ts'
import { runCommand } from '../../helpers/run-command.ts'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'
import { controllers, environmentOf } from './controllers.ts'

interface Told {
  requestId: string
  begun?: true
  md5?: string
  error?: string
}

const IMAGE_BYTES = 64 * 1024 ** 2
/** Python processes, and threads in each. */
const PROCESSES = 4
const THREADS = 16
/** When so many downloads are under way, the node is killed: in the midst of most. */
const BEGUN_AT_KILL = 48
const KILLED = { index: 0, name: 'controller-1' }
/** Generous: it has missed nothing. */
const READY_LIMIT_MS = 60_000
const PROGRAM = join(PROJECT_ROOT, 'test/compat/libraries/nova-downloads.py')

const { cluster, haproxy, keystone } = controllers

const novaIds = (count: number) => Array.from({ length: count }, () => `req-${randomUUID()}`)

/** Resolves with its id and md5. */
async function makeImage(token: string): Promise<{ id: string; md5: string }> {
  const headers = { 'x-auth-token': token }
  const body = JSON.stringify({ name: 'popular', disk_format: 'raw', container_format: 'bare' })
  const created = await fetch(`${haproxy.url}/v2/images`, { method: 'POST', headers, body })
  const { id } = (await created.json()) as { id: string }
  const hash = createHash('md5')
  const source = async function* () {
    for await (const piece of patternImage(IMAGE_BYTES, 1)) {
      hash.update(piece)
      yield piece
    }
  }
  const { status } = await fetch(`${haproxy.url}/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body: ReadableStream.from(source()),
    duplex: 'half',
  })
  if (status !== 204) throw new Error(`the upload ended with ${status}`)
  return { id, md5: hash.digest('hex') }
}

/** One process; calls `onTold` for each line. */
async function download(
  environment: Record<string, string>,
  imageId: string,
  requestIds: string[],
  onTold: (told: Told) => void,
): Promise<void> {
  let rest = ''
  const onOutput = (piece: string) => {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    for (const line of lines) onTold(JSON.parse(line) as Told)
  }
  const args = [PROGRAM, imageId, ...requestIds]
  const { exitCode, stderr } = await runCommand('/usr/bin/python3', args, { environment, onOutput })
  if (exitCode !== 0) throw new Error(`nova-downloads ended with ${exitCode}: ${stderr}`)
}

t.test('64 downloads by nova while a node is killed', async (t) => {
  const { token, userId, projectId } = await keystone.issueToken('demo')
  const image = await makeImage(token)
  const environment = {
    ...(await environmentOf(t, 'demo')),
    OS_PROJECT_ID: projectId!,
    USER_ID: userId,
    TOKEN: token,
    IMAGE_URL: haproxy.url,
  }
  const ends = new Map<string, Told>()
  let begun = 0
  const kills: Promise<void>[] = []
  const onTold = (told: Told) => {
    if (!told.begun) ends.set(told.requestId, told)
    else if (++begun === BEGUN_AT_KILL) kills.push(cluster.node(KILLED.index).process.kill())
  }
  const processes = Array.from({ length: PROCESSES }, () => novaIds(THREADS))
  await Promise.all(processes.map((ids) => download(environment, image.id, ids, onTold)))
  await Promise.all(kills)
  t.equal(kills.length, 1)
  const failed = [...ends.values()].filter(({ error }) => error !== undefined)
  const whole = [...ends.values()].filter(({ md5 }) => md5 === image.md5)
  t.equal(failed.length + whole.length, PROCESSES * THREADS, 'all ended, and none with other bytes')
  await accounted(t, processes.flat(), failed)

  const again = novaIds(failed.length)
  ends.clear()
  await download(environment, image.id, again, onTold)
  t.strictSame(
    again.map((id) => ends.get(id)?.md5),
    again.map(() => image.md5),
    'who asks again gets it, while the node is still dead',
  )
  await cluster.start(KILLED.index)
  // Who comes next may ask it directly.
  const isReady = async () => (await cluster.node(KILLED.index).probe('/ready')) === 200
  t.ok(await waitFor(isReady, { limitMs: READY_LIMIT_MS }))
  const headers = { 'x-auth-token': token }
  const deleted = await fetch(`${haproxy.url}/v2/images/${image.id}`, { method: 'DELETE', headers })
  t.equal(deleted.status, 204)
})

/** By HAProxy's log, which tells what happened at the nodes: the failed are those whose own node died in their midst. */
async function accounted(t: Test, requestIds: string[], failed: Told[]): Promise<void> {
  const ids = new Set(requestIds)
  const requests = (await haproxy.requests()).filter(({ requestId }) => ids.has(requestId))
  t.strictSame(new Set(requests.map(({ requestId }) => requestId)), ids, 'all requests are known')
  const odd = requests.filter(({ status }) => status !== 200 && status !== 503)
  t.strictSame(odd, [], 'nothing is refused but for a while')
  const broken = requests.filter(({ ending }) => ending !== '--')
  t.ok(broken.length > 0 && broken.length < ids.size, `${broken.length} of ${ids.size} streams were cut`)
  t.strictSame([...new Set(broken.map(({ server, ending }) => `${server} ${ending}`))], [`${KILLED.name} SD`])
  const byId = (list: { requestId: string }[]) => list.map(({ requestId }) => requestId).sort()
  t.strictSame(byId(failed), byId(broken), 'who failed was cut, and nobody else')
}
