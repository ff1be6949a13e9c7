/** Chunks that rot on one of three nodes: no client notices, the auditor finds all, the peers heal them. */
import t from 'tap'
import type { LoopsDocument } from '../../node/status/loop-admin.ts'
import { type Digest, digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { rot } from '../helpers/stored-segments.ts'

const MIB = 1024 ** 2
/** Of 4 MiB chunks; with a few bytes more, so that the last one is short. */
const IMAGE_BYTES = 160 * MIB + 3
/** Of 42 chunks each, the manifest among them. */
const IMAGES = isFullForm ? 25 : 3
const ROTTEN_CHUNKS = isFullForm ? 1000 : 100
/** Each downloads one image after the other, most of them from the node that rots. */
const CLIENTS = isFullForm ? 8 : 3
/** What is found damaged is sound again by then. */
const HEALED_WITHIN_MS = 60_000
const ROTTEN = 1
/** No assertion: an auditor that keeps behind clients on a busy machine takes its time. */
const FOUND_WITHIN_MS = 480_000
/** Faster than any disk: nothing but the work itself holds the auditor up. */
const FULL_RATE = 1024 ** 4

t.test(`${ROTTEN_CHUNKS} rotten chunks are found and healed while clients download`, async (t) => {
  const cluster = await ProbeCluster.start(t)
  const images: { id: string; wanted: Digest }[] = []
  for (let seed = 0; seed < IMAGES; seed++) {
    const id = await cluster.client(seed).newImage()
    t.match(await cluster.client(seed).put(id, patternImage(IMAGE_BYTES, seed)), { status: 204 })
    images.push({ id, wanted: await digestOf(patternImage(IMAGE_BYTES, seed)) })
  }
  await cluster.full(0)

  // Else what is being healed would be damaged again, or before it is written, and the count would not be known.
  for (const name of ['auditor', 'healer', 'updater']) await setLoop(cluster, name, { paused: true })
  await eventually('a paused loop is in the status of the others', async () => {
    const { checks } = await cluster.status(0)
    return checks.some(({ code, why }) => code === 'LOOP_PAUSED' && why.includes('updater, healer, auditor'))
  })
  const run = { isOver: false, downloads: 0 }
  const lanes = Array.from({ length: CLIENTS }, async (_, lane) => {
    const node = lane % 3 === 2 ? 0 : ROTTEN
    for (let turn = lane; !run.isOver; turn++) {
      const { id, wanted } = images[turn % IMAGES]!
      const answer = await cluster.client(node).open('GET', `/v2/images/${id}/file`)
      const got = await digestOf(answer as AsyncIterable<Uint8Array>)
      if (answer.statusCode !== 200 || got.sha512 !== wanted.sha512)
        t.fail(`a download from node ${node} went wrong`, { status: answer.statusCode, got, wanted })
      run.downloads++
    }
  })
  t.equal(await rot(cluster.dev.node(ROTTEN).directory, ROTTEN_CHUNKS), ROTTEN_CHUNKS)
  await setLoop(cluster, 'auditor', { paused: false, rate: FULL_RATE })
  for (const name of ['healer', 'updater']) await setLoop(cluster, name, { paused: false })
  const beganMs = performance.now()
  const sinceMs = () => Math.round(performance.now() - beganMs)

  let oldestMs = 0
  await eventually(
    'all are found',
    async () => {
      oldestMs = Math.max(oldestMs, await oldestDamageMs(cluster))
      return ((await ownStatus(cluster))?.integrity?.found ?? 0) >= ROTTEN_CHUNKS
    },
    { limitMs: FOUND_WITHIN_MS },
  )
  t.comment(`all found after ${sinceMs()} ms, with ${run.downloads} downloads`)
  await eventually('all are healed', async () => {
    oldestMs = Math.max(oldestMs, await oldestDamageMs(cluster))
    return (await ownStatus(cluster))?.integrity?.quarantined === 0
  })
  t.comment(`all healed after ${sinceMs()} ms; the slowest ${Math.round(oldestMs)} ms after it was found`)
  t.ok(oldestMs < HEALED_WITHIN_MS, 'healed within a minute of being found')
  await cluster.full(ROTTEN)
  t.comment(`all images whole again after ${sinceMs()} ms`)
  run.isOver = true
  await Promise.all(lanes)
  t.ok(run.downloads >= lanes.length, `${run.downloads} downloads`)

  const { integrity } = (await ownStatus(cluster))!
  t.match(integrity, { found: ROTTEN_CHUNKS, healed: ROTTEN_CHUNKS, quarantined: 0 })
  const lines = (await cluster.log(ROTTEN)).split('\n').filter((line) => line.includes('damaged'))
  t.ok(lines.length < 50, `${lines.length} lines of the log name damage`)
  await eventually(
    'nothing is left to complain about',
    async () => (await cluster.status(0)).verdict === 'HEALTHY',
  )

  // The others are gone: what it serves now is its own.
  await setLoop(cluster, 'auditor', { rate: null })
  for (const index of [0, 2]) await cluster.dev.stop(index)
  for (const { id, wanted } of images) {
    const answer = await cluster.client(ROTTEN).open('GET', `/v2/images/${id}/file`)
    t.strictSame(await digestOf(answer as AsyncIterable<Uint8Array>), wanted)
  }
})

async function ownStatus(cluster: ProbeCluster) {
  const { apiUrl } = cluster.dev.node(ROTTEN)
  return (await cluster.status(ROTTEN)).nodes.find(({ api }) => api === apiUrl)
}

async function setLoop(cluster: ProbeCluster, name: string, changes: object): Promise<void> {
  const { operatorUrl } = cluster.dev.node(ROTTEN)
  const answer = await fetch(new URL(`/v1/cluster/loops/${name}`, operatorUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(changes),
  })
  if (!answer.ok) throw new Error(`the loop could not be set: ${await answer.text()}`)
  if (!(await loopsOf(cluster)).some((loop) => loop.name === name))
    throw new Error(`there is no loop ${name}`)
}

async function loopsOf(cluster: ProbeCluster): Promise<LoopsDocument['loops']> {
  const { operatorUrl } = cluster.dev.node(ROTTEN)
  const answer = await fetch(new URL('/v1/cluster/loops', operatorUrl))
  return ((await answer.json()) as LoopsDocument).loops
}

/** How long what the healer has before it was found ago, at most. */
async function oldestDamageMs(cluster: ProbeCluster): Promise<number> {
  const healer = (await loopsOf(cluster)).find(({ name }) => name === 'healer')
  return healer?.queue?.oldestAgeMs ?? 0
}
