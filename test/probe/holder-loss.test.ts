/** A holder that vanishes in mid-download: the same response goes on from another one. */
import { appendFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { type Digest, digestOf, Meter, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
const IMAGE_BYTES = 96 * MIB + 7
/** Well before the end: sockets and read-ahead hold only a part of what is still to come. */
const LOSS_AT_BYTES = 8 * MIB
/** No disk has that much room: this node takes no chunk and fetches each from the others while it serves it. */
const NO_ROOM = '\n[store]\nfree_bytes_min = 1000 TiB\n'
const ENTRY = 2

t.test('each of the two holders is once killed and once stopped', async (t) => {
  const cluster = await ProbeCluster.start(t)
  await cluster.dev.stop(ENTRY)
  await appendFile(cluster.dev.node(ENTRY).configFile, NO_ROOM)
  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, patternImage(IMAGE_BYTES, 1)), { status: 204 })
  await cluster.dev.start(ENTRY)
  await settled(cluster)
  t.strictSame(await imagesHeld(cluster), [1, 1, 0])
  const wanted = await digestOf(patternImage(IMAGE_BYTES, 1))

  for (const [signal, victim] of [
    ['SIGKILL', 0],
    ['SIGSTOP', 1],
    ['SIGSTOP', 0],
    ['SIGKILL', 1],
  ] as const) {
    const { process } = cluster.dev.node(victim)
    const answer = await cluster.client(ENTRY).open('GET', `/v2/images/${id}/file`)
    t.equal(answer.statusCode, 200)
    const got = await readWithLoss(answer, () => (signal === 'SIGKILL' ? process.kill() : process.pause()))
    t.strictSame(got, wanted, `${signal} for node ${victim}`)

    await (signal === 'SIGKILL' ? cluster.dev.start(victim) : process.resume())
    await settled(cluster)
  }
  t.strictSame(await imagesHeld(cluster), [1, 1, 0])
})

async function settled(cluster: ProbeCluster): Promise<void> {
  await eventually('all nodes are up to date', async () => {
    const { nodes } = await cluster.status(ENTRY)
    return nodes.every(({ state, caughtUp }) => state === 'alive' && caughtUp)
  })
}

/** By index of the node. */
async function imagesHeld(cluster: ProbeCluster): Promise<(number | null)[]> {
  const { nodes } = await cluster.status(ENTRY)
  return cluster.dev.nodes.map(({ apiUrl }) => nodes.find(({ api }) => api === apiUrl)?.imagesHeld ?? null)
}

/** Reads the whole answer, with a pause for `lose` on the way. */
async function readWithLoss(answer: IncomingMessage, lose: () => Promise<void>): Promise<Digest> {
  const meter = new Meter()
  let isLost = false
  for await (const _ of meter.count(answer as AsyncIterable<Uint8Array>)) {
    if (isLost || meter.sizeBytes < LOSS_AT_BYTES) continue
    isLost = true
    await lose()
  }
  return meter.result()
}
