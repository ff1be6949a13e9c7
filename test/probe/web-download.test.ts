/**
 * Downloads from a server that does not mean well: it cuts, stalls, lies about lengths, leads elsewhere. Each ends as the right
 * bytes or as a failed task with the reason, and no node's memory grows with what comes. `SERAC_PROBE=full`: 1 GiB, and what
 * takes as long as a server may be silent.
 */
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { beginImport, endOf, fetchingFrom } from '../helpers/image-imports.ts'
import { residentBytes, residentPeakBytes } from '../helpers/memory-of.ts'
import { digestOf, partOf } from '../helpers/pattern-image.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { HELLO, largeImage, unkindServer } from '../helpers/unkind-server.ts'

t.setTimeout(isFullForm ? 1_800_000 : 300_000)

const MIB = 1024 ** 2
const LARGE_BYTES = (isFullForm ? 1024 : 64) * MIB
/** Of a node's memory beyond what it had: its share for uploads, and what a runtime takes for itself before it tidies up. */
const GROWTH_BYTES_MAX = 192 * MIB
const UPLOAD_SHARE = '64 MiB'
const NODES = [0, 1, 2] as const

const url = await unkindServer(t, LARGE_BYTES)
const cluster = await ProbeCluster.start(t, {
  settings: [
    ...fetchingFrom(url),
    ...['DEFAULT.image_size_cap=2 GiB', `memory.uploads=${UPLOAD_SHARE}`].map(parseSetting),
  ],
})
const [, second, third] = [cluster.client(0), cluster.client(1), cluster.client(2)]
const pids = await cluster.pids()
const beforeBytes = await Promise.all(NODES.map((index) => residentBytes(pids[index]!)))

/** The image and the task that fetches it, when that has ended; begun at one node, looked at from the next. */
async function fetched(path: string, index = 0) {
  const id = await cluster.client(index).newImage()
  await beginImport(cluster.client(index), id, { name: 'web-download', uri: url + path })
  const other = cluster.client(index + 1)
  const task = await endOf(other, id)
  return { id, task, image: await other.show(id), other }
}

async function refused(t: Test, path: string, reason: RegExp, index = 0): Promise<void> {
  const { id, task, image, other } = await fetched(path, index)
  t.match({ task, image }, { task: { status: 'failure', message: reason } }, path)
  t.match(image, { status: 'queued', size: null }, path)
  t.equal((await other.data(id)).status, 204, path)
}

/** What any node has needed at most since the test began, beyond what it had. */
async function grownBytes(): Promise<number> {
  const grown = NODES.map(async (index) => (await residentPeakBytes(pids[index]!)) - beforeBytes[index]!)
  return Math.max(...(await Promise.all(grown)))
}

async function* hello(): AsyncGenerator<Buffer> {
  yield HELLO
}

const LARGE: readonly (readonly [path: string, reason: RegExp | null])[] = [
  ['/large', null],
  ['/large-in-chunks', null],
  ['/large-behind-redirect', null],
  ['/large-cut', /cannot be fetched/],
  ['/large-cut-in-chunks', /cannot be fetched/],
  ['/large-less-than-said', /cannot be fetched/],
  ['/large-of-nothing', /status 404/],
  ['/large-loopback', /Nothing is fetched from/],
  ...(isFullForm
    ? ([
        ['/large-stalls', /cannot be fetched: Body Timeout/],
        ['/large-stalls-in-chunks', /cannot be fetched: Body Timeout/],
        ['/endless', /more than|too large|larger/],
      ] as const)
    : []),
]

for (const [path, reason] of LARGE)
  t.test(`${LARGE_BYTES / MIB} MiB: ${path}`, async (t) => {
    if (reason !== null) await refused(t, path, reason)
    else {
      const { id, task, image } = await fetched(path)
      t.match(task, { status: 'success', message: `Copied ${LARGE_BYTES / MIB} MiB` })
      const { sha512 } = await digestOf(largeImage(LARGE_BYTES))
      t.match(image, { status: 'active', size: LARGE_BYTES, os_hash_value: sha512 })
      const hash = createHash('sha512')
      for await (const piece of await third.open('GET', `/v2/images/${id}/file`)) hash.update(piece as Buffer)
      t.equal(hash.digest('hex'), sha512)
      t.equal((await third.remove(id)).status, 204)
    }
    const grown = await grownBytes()
    t.comment(`no node has grown by more than ${Math.round(grown / MIB)} MiB`)
    t.ok(grown < GROWTH_BYTES_MAX, `grown by ${grown}`)
  })

t.test('a server that sends more than it said gives what it said, or nothing', async (t) => {
  for (const [path, saidBytes] of [
    ['/more-than-said', 3],
    ['/large-more-than-said', LARGE_BYTES - MIB],
  ] as const) {
    const { id, task, image } = await fetched(path)
    const body = path === '/more-than-said' ? hello() : largeImage(LARGE_BYTES)
    const { sha512 } = await digestOf(partOf(body, 0, saidBytes - 1))
    const isThere = task.status === 'success'
    t.comment(`${path}: ${task.status}, ${task.message}`)
    t.match(image, isThere ? { size: saidBytes, os_hash_value: sha512 } : { status: 'queued', size: null })
    t.match(task, isThere ? {} : { status: 'failure', message: /cannot be fetched/ })
    t.equal((await third.remove(id)).status, 204)
  }
  t.ok((await grownBytes()) < GROWTH_BYTES_MAX)
})

t.test('small ones, at all nodes at once', async (t) => {
  const cases: [string, RegExp | null][] = [
    ['/hello', null],
    ['/good-redirect', null],
    ['/loop', /redirects too often/],
    ['/loopback', /Nothing is fetched from/],
    ['/operator', /Nothing is fetched from port/],
    ['/metadata', /Nothing is fetched from/],
    ['/file', /scheme file/],
    ['/missing', /status 404/],
    ['/cut', /cannot be fetched/],
    ['/cut-in-chunks', /cannot be fetched/],
    ['/too-large', /more than the/],
    ['/zipped', /another encoding/],
  ]
  await Promise.all(
    cases.map(async ([path, reason], index) => {
      if (reason !== null) return refused(t, path, reason, index)
      const { id, task, image, other } = await fetched(path, index)
      t.match({ task, image }, { task: { status: 'success' }, image: { status: 'active' } }, path)
      t.ok((await other.data(id)).body.equals(HELLO), path)
    }),
  )
})

t.test('no node has met anything unforeseen, and all are the ones that began', async (t) => {
  const logs = await Promise.all(NODES.map((index) => cluster.log(index)))
  t.notMatch(logs.join('\n'), /unexpectedly|unhandled/i)
  t.strictSame(await cluster.pids(), pids)
  t.ok((await second.show(await second.newImage())).id)
})
