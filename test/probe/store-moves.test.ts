/**
 * `serac stores migrate`: images go to an S3 and back while clients download them. The command is killed, the node that it
 * has asked, and the back end: it is started again and goes on; no download fails, every byte is right, the space is free.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import type { MovingReport } from '../../node/cli/moving/moving-report.ts'
import type { StoresDocument } from '../../node/status/store-admin.ts'
import { describe, type ImageClient } from '../helpers/image-client.ts'
import { digestOf, Meter, patternImage } from '../helpers/pattern-image.ts'
import { eventually, NODE_COMMAND, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { ACCESS_KEY, S3StandIn, SECRET_KEY } from '../helpers/s3-stand-in.ts'
import { segmentBytes } from '../helpers/stored-segments.ts'

const MIB = 1024 ** 2
const IMAGES = isFullForm ? 200 : 24
const sizeOf = (seed: number) => (1 + (seed % 3)) * MIB + seed
/** Padding, and the segment that is being filled. */
const SLACK_BYTES = 17 * MIB
const DOWNLOADERS = 4
const BUCKET = 'images'
/** So slow that there is something to kill. */
const RATE = ['--rate', isFullForm ? '20MiB' : '8MiB']
const ASKED = 0

interface Downloads {
  done: number
  failed: string[]
  end: () => Promise<void>
}

t.setTimeout(900_000)

t.test('images move to a back end and back while they are downloaded', async (t) => {
  const s3 = await S3StandIn.start(t, [BUCKET])
  const cluster = await ProbeCluster.start(t, { settings: settingsFor(s3) })
  const images = await uploaded(cluster)
  await cluster.full(0)
  const { operatorUrl } = cluster.dev.node(ASKED)
  const migrate = (from: string, to: string, ...more: string[]) =>
    started(['stores', 'migrate', '--url', operatorUrl, '-f', 'json', '--from', from, '--to', to, ...more])
  // By the nodes that nobody kills: a node that dies takes its streams along.
  const downloads = downloadsOf([cluster.client(1), cluster.client(2)], images)

  const killed = migrate('cluster', 'big', ...RATE)
  await eventually('some images are there', async () => s3.objects.size > IMAGES / 8)
  killed.child.kill('SIGKILL')
  await killed.ended
  t.ok(s3.objects.size < IMAGES, 'it is killed in the midst of it')

  const again = migrate('cluster', 'big', ...RATE)
  await eventually('some more are there', async () => s3.objects.size > IMAGES / 4)
  // What it has already it gives out: nobody could download it otherwise.
  s3.fault = (call) => (call.startsWith('PUT ') ? { status: 503 } : null)
  await eventually('the back end has refused some', async () => countOf(s3.calls, 'PUT') > 0)
  s3.fault = () => null
  await eventually('it goes on', async () => s3.objects.size > IMAGES / 2)
  await cluster.dev.node(ASKED).process.kill()
  await cluster.dev.start(ASKED)
  await again.ended

  const last = await migrate('cluster', 'big').ended
  t.equal(last.exitCode, 0, last.stderr)
  const report = JSON.parse(last.stdout) as MovingReport
  t.strictSame(report.counts.failed, 0)
  t.match(await storesOf(operatorUrl), { cluster: 0, big: IMAGES })
  await spaceIsFree(cluster)
  await eventually('one object an image', async () => s3.objects.size === IMAGES)
  await allRight(t, cluster.client(2), images)

  const back = await migrate('big', 'cluster', '--parallel', '8').ended
  t.equal(back.exitCode, 0, back.stderr)
  t.match(JSON.parse(back.stdout), { counts: { moved: IMAGES } })
  await cluster.full(0)
  await downloads.end()
  t.strictSame(downloads.failed, [])
  t.ok(downloads.done >= DOWNLOADERS, `${downloads.done} downloads`)
  t.comment(`${downloads.done} downloads, none failed`)
  await eventually('nothing is left in the back end', async () => s3.objects.size === 0)
  for (const index of [0, 1, 2]) await allRight(t, cluster.client(index), images)
})

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

/** Seeds by the ids of their images. */
async function uploaded(cluster: ProbeCluster): Promise<Map<string, number>> {
  const images = new Map<string, number>()
  for (let seed = 1; seed <= IMAGES; seed++) {
    const id = await cluster.client(seed).newImage()
    const reply = await cluster.client(seed).put(id, patternImage(sizeOf(seed), seed))
    if (reply.status !== 204) throw new Error(describe(reply))
    images.set(id, seed)
  }
  return images
}

function started(args: readonly string[]) {
  const [command = '', ...rest] = NODE_COMMAND
  const child = spawn(command, [...rest, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = [child.stdout, child.stderr].map(textOf)
  const ended = once(child, 'exit').then(async ([exitCode]) => ({
    exitCode: exitCode as number | null,
    stdout: await stdout!,
    stderr: await stderr!,
  }))
  return { child, ended }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** Clients that download without a pause, and compare. */
function downloadsOf(clients: readonly ImageClient[], images: ReadonlyMap<string, number>): Downloads {
  const all = [...images]
  const downloads: Downloads = { done: 0, failed: [], end: async () => {} }
  let isOver = false
  const digests = new Map<number, string>()
  const lane = async (number: number) => {
    for (let at = number; !isOver; at += DOWNLOADERS) {
      const [id, seed] = all[at % all.length]!
      if (!digests.has(seed)) digests.set(seed, (await digestOf(patternImage(sizeOf(seed), seed))).sha512)
      const found = await digestFrom(clients[at % clients.length]!, id).catch(String)
      if (found === `200 ${digests.get(seed)}`) downloads.done++
      else downloads.failed.push(`${id}: ${found}`)
    }
  }
  const lanes = Promise.all(Array.from({ length: DOWNLOADERS }, (_, number) => lane(number)))
  downloads.end = async () => {
    isOver = true
    await lanes
  }
  return downloads
}

async function digestFrom(client: ImageClient, id: string): Promise<string> {
  const answer = await client.open('GET', `/v2/images/${id}/file`)
  const meter = new Meter()
  for await (const _ of meter.count(answer)) continue
  return `${answer.statusCode} ${meter.result().sha512}`
}

async function allRight(t: Test, client: ImageClient, images: ReadonlyMap<string, number>): Promise<void> {
  const wrong: string[] = []
  for (const [id, seed] of images) {
    const { sha512 } = await digestOf(patternImage(sizeOf(seed), seed))
    if ((await digestFrom(client, id)) !== `200 ${sha512}`) wrong.push(id)
  }
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
