/**
 * Images are staged at one node, imported at another, into the cluster, a store beside it or both, and deleted at the third; the
 * same with the first one dead in between. `SERAC_PROBE=full`: 100 rounds of each.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { MARKER_NAME } from '../../node/loops/backend-prober.ts'
import { sha512 } from '../helpers/image-client.ts'
import { askImport, beginImport, endOf, fetchingFrom, stage } from '../helpers/image-imports.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { HELLO, unkindServer } from '../helpers/unkind-server.ts'

t.setTimeout(isFullForm ? 3_000_000 : 300_000)

const ROUNDS = isFullForm ? 100 : 3
const ROUNDS_WITH_A_KILL = isFullForm ? 100 : 1
/** Where the image of a round is imported to; each in turn. */
const TARGETS = [['cluster'], ['files'], ['files', 'cluster']] as const

const url = await unkindServer(t, 0)
const files = join(t.testdirName, 'files')
const cluster = await ProbeCluster.start(t, {
  settings: [
    ...fetchingFrom(url),
    ...['DEFAULT.enabled_backends=files:file', `files.filesystem_store_datadir=${files}`].map(parseSetting),
  ],
  prepare: () => mkdir(files),
})
const [first, second, third] = [cluster.client(0), cluster.client(1), cluster.client(2)]

/** Of the store that all nodes share. */
async function storedFiles(): Promise<string[]> {
  return (await readdir(files)).filter((name) => name !== MARKER_NAME)
}

async function round(t: Test, number: number, between: () => Promise<void>): Promise<void> {
  const bytes = Buffer.from(`${number}-`.repeat(500_000))
  const stores = TARGETS[number % TARGETS.length]!
  const id = await first.newImage()
  await stage(first, id, bytes)
  await between()
  t.match(await second.show(id), { status: 'uploading', size: bytes.length, os_hash_value: null })
  t.equal((await third.data(id)).status, 204, 'nobody is served what is staged')
  const requestId = await beginImport(second, id, { name: 'glance-direct' }, { stores })
  t.match(await endOf(third, id), { status: 'success', request_id: requestId })
  t.match(await third.show(id), { status: 'active', size: bytes.length, os_hash_value: sha512(bytes) })
  t.ok((await third.data(id)).body.equals(bytes), `the bytes, from ${stores.join(' and ')}`)
  t.equal((await storedFiles()).length, stores.some((store) => store === 'files') ? 1 : 0)
  t.equal((await third.remove(id)).status, 204)
  t.equal((await second.send('GET', `/v2/images/${id}`)).status, 404)
  await eventually('the other store has nothing of it', async () => (await storedFiles()).length === 0)
}

t.test(`staged at one node, imported at another, deleted at the third, ${ROUNDS} times`, async (t) => {
  for (let number = 0; number < ROUNDS; number++) await round(t, number, async () => {})
})

t.test(`the same, and the node that staged is dead, ${ROUNDS_WITH_A_KILL} times`, async (t) => {
  for (let number = 0; number < ROUNDS_WITH_A_KILL; number++) {
    // To both stores, where there is but one round.
    await round(t, ROUNDS + number + 2, () => cluster.dev.node(0).process.kill())
    await cluster.dev.start(0)
    await cluster.ready(0)
  }
})

t.test('an image that was staged and is deleted leaves no bytes to import', async (t) => {
  const id = await first.newImage()
  await stage(first, id, HELLO)
  t.equal((await second.remove(id)).status, 204)
  t.equal((await askImport(third, id, { name: 'glance-direct' })).status, 404)
})

t.test('an import whose node dies leaves its image, and its task says so', async (t) => {
  const id = await third.newImage()
  await beginImport(first, id, { name: 'web-download', uri: `${url}/stalls` })
  t.match(await second.show(id), { status: 'importing' })
  await cluster.dev.node(0).process.kill()
  await cluster.dev.start(0)
  await cluster.ready(0)
  t.match(await endOf(second, id), { status: 'failure', message: /is gone/ })
  t.match(await third.show(id), { status: 'queued' })
  await beginImport(third, id, { name: 'web-download', uri: `${url}/hello` })
  await eventually('another node imports it', async () => (await second.show(id)).status === 'active')
})

t.test('no node has met anything unforeseen', async (t) => {
  const logs = await Promise.all([0, 1, 2].map((index) => cluster.log(index)))
  t.notMatch(logs.join('\n'), /unexpectedly|unhandled/i)
})
