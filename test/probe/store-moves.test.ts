/**
 * `serac stores migrate`: images go to an S3 and back while clients download them. The command is killed, the back end fails and,
 * in the full form, the node that was asked is killed: it goes on; no download fails, every byte is right, the space is free.
 */
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import type { MovingReport } from '../../node/cli/moving/moving-report.ts'
import { MARKER_NAME } from '../../node/loops/backend-prober.ts'
import type { StoresDocument } from '../../node/status/store-admin.ts'
import { describe, type ImageClient } from '../helpers/image-client.ts'
import { digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { ACCESS_KEY, S3StandIn, SECRET_KEY } from '../helpers/s3-stand-in.ts'
import { startSerac } from '../helpers/started-command.ts'
import { downloaded, SteadyDownloads } from '../helpers/steady-downloads.ts'
import { segmentBytes } from '../helpers/stored-segments.ts'

const MIB = 1024 ** 2
const IMAGES = isFullForm ? 200 : 12
const sizeOf = (seed: number) => (1 + (seed % 3)) * MIB + seed
/** Padding, and the segment that is being filled. */
const SLACK_BYTES = 17 * MIB
const BUCKET = 'images'
/** So slow that there is something to kill. */
const RATE = ['--rate', isFullForm ? '20MiB' : '8MiB']
const ASKED = 0

t.setTimeout(900_000)

t.test('images move to a back end and back while they are downloaded', async (t) => {
  const s3 = await S3StandIn.start(t, [BUCKET])
  const cluster = await ProbeCluster.start(t, { settings: settingsFor(s3) })
  const images = await uploaded(cluster)
  await cluster.full(0)
  const { operatorUrl } = cluster.dev.node(ASKED)
  const migrate = (from: string, to: string, ...more: string[]) =>
    startSerac(['stores', 'migrate', '--url', operatorUrl, '-f', 'json', '--from', from, '--to', to, ...more])
  // By the nodes that nobody kills: a node that dies takes its streams along.
  const downloads = new SteadyDownloads([cluster.client(1), cluster.client(2)], images)

  const killed = migrate('cluster', 'big', ...RATE)
  await eventually('some images are there', async () => objectsIn(s3) > IMAGES / 8)
  killed.child.kill('SIGKILL')
  await killed.ended
  t.ok(objectsIn(s3) < IMAGES, 'it is killed in the midst of it')

  const again = migrate('cluster', 'big', ...RATE)
  await eventually('some more are there', async () => objectsIn(s3) > IMAGES / 4)
  // What it has already it gives out: nobody could download it otherwise.
  s3.fault = (call) => (call.startsWith('PUT ') ? { status: 503 } : null)
  await eventually('the back end has refused some', async () => countOf(s3.calls, 'PUT') > 0)
  s3.fault = () => null
  await eventually('it goes on', async () => objectsIn(s3) > IMAGES / 2)
  // In the full form alone: what a dead node has begun is taken up when it is there again.
  if (isFullForm) {
    await cluster.dev.node(ASKED).process.kill()
    await cluster.dev.start(ASKED)
  }
  await again.ended

  const last = await migrate('cluster', 'big').ended
  t.equal(last.exitCode, 0, last.stderr)
  const report = JSON.parse(last.stdout) as MovingReport
  t.strictSame(report.counts.failed, 0)
  t.match(await storesOf(operatorUrl), { cluster: 0, big: IMAGES })
  await spaceIsFree(cluster)
  await eventually('one object an image', async () => objectsIn(s3) === IMAGES)
  await allRight(t, cluster.client(2), images)

  const back = await migrate('big', 'cluster', '--parallel', '8').ended
  t.equal(back.exitCode, 0, back.stderr)
  t.match(JSON.parse(back.stdout), { counts: { moved: IMAGES } })
  await cluster.full(0)
  await downloads.end()
  t.strictSame(downloads.failed, [])
  t.ok(downloads.done > IMAGES, `${downloads.done} downloads`)
  t.comment(`${downloads.done} downloads, none failed`)
  await eventually('nothing is left in the back end', async () => objectsIn(s3) === 0)
  for (const index of [0, 1, 2]) await allRight(t, cluster.client(index), images)
})

/** Of images. */
function objectsIn({ objects }: S3StandIn): number {
  return objects.size - Number(objects.has(MARKER_NAME))
}

function settingsFor(s3: S3StandIn) {
  return [
    'store.reclaim_grace=2s',
    'DEFAULT.enabled_backends=big:s3',
    `big.s3_store_host=${s3.url}`,
    `big.s3_store_access_key=${ACCESS_KEY}`,
    `big.s3_store_secret_key=${SECRET_KEY}`,
    `big.s3_store_bucket=${BUCKET}`,
  ].map(parseSetting)
}

/** Digests by the ids of their images. */
async function uploaded(cluster: ProbeCluster): Promise<Map<string, string>> {
  const images = new Map<string, string>()
  for (let seed = 1; seed <= IMAGES; seed++) {
    const id = await cluster.client(seed).newImage()
    const reply = await cluster.client(seed).put(id, patternImage(sizeOf(seed), seed))
    if (reply.status !== 204) throw new Error(describe(reply))
    images.set(id, (await digestOf(patternImage(sizeOf(seed), seed))).sha512)
  }
  return images
}

async function allRight(t: Test, client: ImageClient, images: ReadonlyMap<string, string>): Promise<void> {
  const wrong: string[] = []
  for (const [id, digest] of images) if ((await downloaded(client, id)) !== `200 ${digest}`) wrong.push(id)
  t.strictSame(wrong, [], 'every byte is right')
}

async function storesOf(operatorUrl: string): Promise<Record<string, number>> {
  const answer = await fetch(new URL('/v1/cluster/stores', operatorUrl))
  const { stores } = (await answer.json()) as StoresDocument
  return Object.fromEntries(stores.map(({ id, images }) => [id, images.images]))
}

async function spaceIsFree(cluster: ProbeCluster): Promise<void> {
  for (const { directory, index } of cluster.dev.nodes)
    await eventually(
      `node ${index} has its space back`,
      async () => (await segmentBytes(directory)) <= SLACK_BYTES,
    )
}

function countOf(calls: readonly string[], method: string): number {
  return calls.filter((call) => call.startsWith(`${method} `)).length
}
