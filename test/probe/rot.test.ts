/** Chunks that rot on one of three nodes: no client notices, the auditor finds all, the peers heal them. */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import { parseHeader, recordBytes } from '../../node/store/segment-record.ts'
import type { LoopsDocument } from '../../node/status/loop-admin.ts'
import { type Digest, digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
/** Of 4 MiB chunks; with a few bytes more, so that the last one is short. */
const IMAGE_BYTES = 160 * MIB + 3
const IMAGES = 6
/** Of some 250, manifests among them. */
const ROTTEN_CHUNKS = 200
const ROTTEN = 1
/** Faster than any disk: nothing but the work itself holds the auditor up. */
const FULL_RATE = 1024 ** 4

t.test('200 rotten chunks are found and healed while clients download', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const images: { id: string; wanted: Digest }[] = []
  for (let seed = 0; seed < IMAGES; seed++) {
    const id = await cluster.client(seed).newImage()
    t.match(await cluster.client(seed).put(id, patternImage(IMAGE_BYTES, seed)), { status: 204 })
    images.push({ id, wanted: await digestOf(patternImage(IMAGE_BYTES, seed)) })
  }
  await cluster.full(0)

  // Else what is being healed would be damaged again, or before it is written, and the count would not be known.
  for (const name of ['auditor', 'updater']) await setLoop(cluster, name, { paused: true })
  await eventually('a paused loop is in the status of the others', async () => {
    const { checks } = await cluster.status(0)
    return checks.some(({ code, why }) => code === 'LOOP_PAUSED' && why.includes('updater, auditor'))
  })
  const run = { isOver: false, downloads: 0 }
  const lanes = [ROTTEN, ROTTEN, 0].map(async (node, lane) => {
    for (let turn = lane; !run.isOver; turn++) {
      const { id, wanted } = images[turn % IMAGES]!
      const answer = await cluster.client(node).open('GET', `/v2/images/${id}/file`)
      const got = await digestOf(answer as AsyncIterable<Uint8Array>)
      if (answer.statusCode !== 200 || got.sha512 !== wanted.sha512)
        t.fail(`a download from node ${node} went wrong`, { status: answer.statusCode, got, wanted })
      run.downloads++
    }
  })
  t.equal(await rot(join(cluster.dev.node(ROTTEN).directory, 'seg'), ROTTEN_CHUNKS), ROTTEN_CHUNKS)
  await setLoop(cluster, 'auditor', { paused: false, rate: FULL_RATE })
  await setLoop(cluster, 'updater', { paused: false })
  const beganMs = performance.now()

  await eventually('all are found and healed', async () => {
    const { integrity } = (await ownStatus(cluster))!
    return integrity !== null && integrity.found >= ROTTEN_CHUNKS && integrity.quarantined === 0
  })
  await cluster.full(ROTTEN)
  t.comment(`found and healed within ${Math.round(performance.now() - beganMs)} ms`)
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
  const { loops } = (await (await fetch(new URL('/v1/cluster/loops', operatorUrl))).json()) as LoopsDocument
  if (!loops.some((loop) => loop.name === name)) throw new Error(`there is no loop ${name}`)
}

/** Flips a byte in the middle of the first `count` chunks in the segment files; answers how many there were. */
async function rot(directory: string, count: number): Promise<number> {
  let rotten = 0
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.seg')).toSorted()) {
    const file = await open(join(directory, name), 'r+')
    const header = Buffer.alloc(RECORD_HEADER_BYTES)
    for (let at = 0; rotten < count && (await file.read(header, 0, header.length, at)).bytesRead > 0;) {
      const record = parseHeader(header)
      if (record) await flip(file, at + RECORD_HEADER_BYTES + Math.floor(record.length / 2))
      rotten += record ? 1 : 0
      at += record ? recordBytes(record.length) : RECORD_ALIGN_BYTES
    }
    await file.close()
  }
  return rotten
}

async function flip(file: Awaited<ReturnType<typeof open>>, at: number): Promise<void> {
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, at)
  await file.write(Uint8Array.of(byte.readUInt8(0) ^ 0xff), 0, 1, at)
}
