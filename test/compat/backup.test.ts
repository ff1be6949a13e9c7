/**
 * All images to S3 and back into an empty cluster, by the S3 API of a real Swift: runs that are killed are gone on with, and
 * everything is the same afterwards. Run by its name, or with SERAC_PROBE=full.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DevCluster } from '../../deploy/dev/dev-cluster.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { systemClock as clock } from '../../cluster/runtime.ts'
import { S3Backend } from '../../node/backends/s3-backend.ts'
import { describe, ImageClient } from '../helpers/image-client.ts'
import { patternImage } from '../helpers/pattern-image.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { allOf } from '../helpers/all-of.ts'
import { clientCluster } from './client-cluster.ts'
import { must, share, shownBy } from './moving/glance-gallery.ts'
import { SeracCommand } from './moving/serac-command.ts'
import { RealSwift } from './real-swift.ts'

const MIB = 1024 ** 2
/** More than two parts of an upload each. */
const LARGE_BYTES = 35 * MIB
const LARGE = isFullForm ? 24 : 6
const SMALL = isFullForm ? 100 : 20
const KILLS = isFullForm ? 10 : 4
const BUCKET = 'backup'
const PLACE = `s3://${BUCKET}/nightly/images`
const NASTY = `'"\\ <&> %s ü €`

t.setTimeout(1_200_000)
const swift = await RealSwift.start(t)
Object.assign(process.env, {
  AWS_ACCESS_KEY_ID: RealSwift.user,
  AWS_SECRET_ACCESS_KEY: RealSwift.key,
  AWS_ENDPOINT_URL: swift.url,
})
const bucket = new S3Backend(clock, {
  id: BUCKET,
  endpoint: swift.url,
  region: 'us-east-1',
  accessKey: RealSwift.user,
  secretKey: RealSwift.key,
  bucket: BUCKET,
  createBucket: true,
  style: 'path',
  partBytes: 16 * MIB,
  ca: null,
})
t.teardown(() => bucket.close())
const never = new AbortController().signal
await putBytes('of-somebody-else', Buffer.from('not ours'))

const cluster = await clientCluster(t, [], 1)
const ids = await fill(new ImageClient(cluster.node(0).apiUrl))
const exported = (...more: string[]) =>
  new SeracCommand('export', PLACE, '-f', 'json', '--url', cluster.node(0).operatorUrl, ...more)

t.test('an export that is killed again and again ends as one that is not', async (t) => {
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await partsInSwift()
    const command = exported('--parallel', '2')
    await waitFor(async () => !command.isRunning || (await partsInSwift()) > before, { limitMs: 60_000 })
    await sleep(kill * 20)
    t.ok(command.isRunning, 'it is not done yet')
    await command.kill()
  }
  const report = await exported().report()
  t.match(report, { attention: [], exitCode: 0, to: PLACE })
  t.equal(report.counts.moved + report.counts.present, ids.length)
  t.match(await exported().report(), { exitCode: 0, bytesSent: 0, counts: { present: ids.length } })
  const uploads = new Set((await swift.list(`${BUCKET}+segments`)).map((name) => name.replace(/\/\d+$/, '')))
  t.equal(uploads.size, LARGE, 'no part is left of what was killed')
})

t.test('restored into an empty cluster everything is the same', async (t) => {
  const other = await clientCluster(t, [], 1)
  const restore = () =>
    new SeracCommand('restore', PLACE, '-f', 'json', '--url', other.node(0).operatorUrl, '--parallel', '2')
  const killed = restore()
  await waitFor(async () => (await countOf(other)) > 2, { limitMs: 60_000 })
  t.ok(killed.isRunning)
  await killed.kill()
  t.match(await restore().report(), { attention: [], exitCode: 0, from: PLACE })
  const [there, here] = [cluster, other].map((one) => new ImageClient(one.node(0).apiUrl))
  for (const id of ids) t.strictSame(await shownBy(here!, id), await shownBy(there!, id))
  t.equal(await countOf(other), ids.length)
  t.match(await restore().report(), { exitCode: 0, bytesSent: 0, counts: { present: ids.length } })
})

t.test('a byte that has changed in the bucket is noticed, and so are wrong keys', async (t) => {
  const other = await clientCluster(t, [], 1)
  const [id] = ids
  const bytes = Buffer.concat(await allOf(bucket.read(`nightly/images/${id}.img`, never)))
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9)
  await putBytes(`nightly/images/${id}.img`, bytes)
  const restore = ['restore', PLACE, '-f', 'json', '--url', other.node(0).operatorUrl, id!]
  const report = await new SeracCommand(...restore).report()
  t.match(report, { exitCode: 1, counts: { failed: 1 }, images: [{ detail: /MD5/ }] })
  await refused(t, restore, { AWS_SECRET_ACCESS_KEY: 'another secret' }, /s3:.* answers with status 403/)
  await refused(t, restore, { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }, /s3:.* does not answer/)
})

async function refused(t: Test, args: string[], said: Record<string, string>, why: RegExp): Promise<void> {
  const before = { ...process.env }
  Object.assign(process.env, said)
  const failure = await new SeracCommand(...args).report().then(
    () => null,
    (error: unknown) => error as Error,
  )
  Object.assign(process.env, before)
  t.match(failure?.message, why)
  t.notMatch(failure?.message, /secret/)
}

async function fill(client: ImageClient): Promise<string[]> {
  const made: string[] = []
  const add = async (fields: Record<string, unknown>, sizeBytes: number | null) => {
    const id = await client.newImage({ owner: 'p1', ...fields })
    made.push(id)
    if (sizeBytes === null) return id
    const reply = await client.put(id, patternImage(sizeBytes, made.length))
    if (reply.status !== 204) throw new Error(describe(reply))
    return id
  }
  for (let index = 0; index < LARGE; index++) await add({ name: `large ${index}` }, LARGE_BYTES + index)
  for (let index = 0; index < SMALL; index++)
    await add({ name: `small ${index}`, tags: [`t${index % 3}`], hw_n: `${index}` }, 1000 + index)
  await add({ name: 'queued', owner: 'p2' }, null)
  await add({ name: NASTY, tags: [NASTY], os_note: NASTY, protected: true, os_hidden: true }, 5000)
  const off = await add({ name: 'off', visibility: 'public', min_disk: 3, min_ram: 4 }, 5001)
  await must(client, 'POST', `/v2/images/${off}/actions/deactivate`)
  const shared = await add({ name: 'shared', visibility: 'shared' }, 5002)
  await share(client, shared)
  return made
}

async function putBytes(name: string, bytes: Buffer): Promise<void> {
  async function* whole() {
    yield bytes
  }
  await bucket.put(name, whole(), { sizeBytes: bytes.length, signal: never })
}

async function partsInSwift(): Promise<number> {
  return (await swift.list(`${BUCKET}+segments`)).length
}

async function countOf(nodes: DevCluster): Promise<number> {
  const answer = await fetch(new URL('/v1/export/images', nodes.node(0).operatorUrl))
  const { images, unfinished } = (await answer.json()) as { images: object[]; unfinished: string[] }
  return images.length + unfinished.length
}
