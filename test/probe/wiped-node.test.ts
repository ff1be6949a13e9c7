/** One of three nodes loses everything but its key, and comes back: every image is full again by itself. */
import t from 'tap'
import { digestOf, patternImage } from '../helpers/pattern-image.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'
import { wipeDirectory } from '../helpers/wipe-directory.ts'

const MIB = 1024 ** 2
const IMAGE_BYTES = 24 * MIB + 5
const IMAGES = 16
const WIPED = 2
/** A client that asks, waits for the answer and thinks for a moment. */
const THINK_MS = 20
const IDLE_ANSWERS = 150

t.test('a wiped node fills itself again while clients are served', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const ids: string[] = []
  for (let seed = 0; seed < IMAGES; seed++) {
    const id = await cluster.client(seed).newImage()
    t.match(await cluster.client(seed).put(id, patternImage(IMAGE_BYTES, seed)), { status: 204 })
    ids.push(id)
  }
  await cluster.full(0)
  const idle = await latencies(cluster, ids, (count) => count < IDLE_ANSWERS)

  await cluster.dev.stop(WIPED)
  await wipeDirectory(cluster.dev.node(WIPED).directory)
  await cluster.dev.start(WIPED)
  await cluster.ready(WIPED)
  const beganMs = performance.now()
  let isFull = false
  const busy = latencies(cluster, ids, () => !isFull)
  await cluster.full(0)
  const seconds = (performance.now() - beganMs) / 1000
  isFull = true
  const during = await busy

  t.comment(
    `${IMAGES} images back in ${seconds.toFixed(1)} s, ${Math.round((IMAGES * IMAGE_BYTES) / MIB / seconds)} MiB/s ` +
      'while a client asks each node in turn',
  )
  t.comment(
    `answers idle: ${describe(idle)}; meanwhile: ${describe(during)}; median × ${(middle(during) / middle(idle)).toFixed(2)}`,
  )
  for (const index of [0, 1]) await cluster.dev.stop(index)
  for (const [seed, id] of ids.entries()) {
    const answer = await cluster.client(WIPED).open('GET', `/v2/images/${id}/file`)
    t.strictSame(await digestOf(answer), await digestOf(patternImage(IMAGE_BYTES, seed)))
  }
})

t.test('without clients it takes what it is allowed to', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, patternImage(IMAGE_BYTES * 8, 1)), { status: 204 })
  await cluster.full(0)
  await cluster.dev.stop(WIPED)
  await wipeDirectory(cluster.dev.node(WIPED).directory)
  await cluster.dev.start(WIPED)
  await cluster.ready(WIPED)
  const beganMs = performance.now()
  await cluster.full(0)
  const seconds = (performance.now() - beganMs) / 1000
  t.comment(`${Math.round((8 * IMAGE_BYTES) / MIB / seconds)} MiB/s`)
})

/** Milliseconds of each answer, in order of size. */
async function latencies(
  cluster: ProbeCluster,
  ids: readonly string[],
  goesOn: (count: number) => boolean,
): Promise<number[]> {
  const took: number[] = []
  for (let count = 0; goesOn(count); count++) {
    const beganMs = performance.now()
    const { status } = await cluster.client(count).send('GET', `/v2/images/${ids[count % ids.length]}`)
    if (status !== 200) throw new Error(`an answer of ${status}`)
    took.push(performance.now() - beganMs)
    await new Promise((resolve) => setTimeout(resolve, THINK_MS))
  }
  return took.toSorted((a, b) => a - b)
}

function middle(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!
}

function describe(sorted: readonly number[]): string {
  const last = sorted[Math.floor(sorted.length * 0.99)]!
  return `${middle(sorted).toFixed(1)} ms, 1 of 100 above ${last.toFixed(1)} ms (${sorted.length})`
}
