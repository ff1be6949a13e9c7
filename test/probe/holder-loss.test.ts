/** A holder that vanishes in mid-download: the same response goes on from another one, also of a part of the image. */
import { appendFile, readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { type Digest, digestOf, Meter, partOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'

const MIB = 1024 ** 2
/** Twice what the entry node keeps in memory: no download finds there what the one before it has left. */
const IMAGE_BYTES = 160 * MIB + 7
const RANGE = { start: 5 * MIB + 1, end: 150 * MIB }
const LOSSES = isFullForm ? 50 : 6
/** Well before the end: sockets and read-ahead hold only a part of what is still to come. */
const LOSS_AT_BYTES = 8 * MIB
const LOSS_STEP_BYTES = 13 * MIB
const LOSS_SPREAD_BYTES = 96 * MIB
/** No disk has that much room: this node takes no chunk and fetches each from the others while it serves it. */
const NO_ROOM = '\n[store]\nfree_bytes_min = 1000 TiB\n'
const ENTRY = 2
const HOLDERS = [0, 1]

t.test(`the holder that serves a download is lost ${LOSSES} times`, async (t) => {
  const cluster = await ProbeCluster.start(t)
  await cluster.dev.stop(ENTRY)
  await appendFile(cluster.dev.node(ENTRY).configFile, NO_ROOM)
  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, patternImage(IMAGE_BYTES, 1)), { status: 204 })
  await cluster.dev.start(ENTRY)
  await settled(cluster)
  t.strictSame(await imagesHeld(cluster), [1, 1, 0])
  const whole = await digestOf(patternImage(IMAGE_BYTES, 1))
  const part = await digestOf(partOf(patternImage(IMAGE_BYTES, 1), RANGE.start, RANGE.end))

  const stalls: Record<string, number[]> = { SIGKILL: [], SIGSTOP: [] }
  for (let turn = 0; turn < LOSSES; turn++) {
    const signal = turn % 2 === 0 ? 'SIGKILL' : 'SIGSTOP'
    const isPart = turn % 3 === 2
    const headers = isPart ? { range: `bytes=${RANGE.start}-${RANGE.end}` } : {}
    const sentBefore = await bytesSent(cluster)
    const answer = await cluster.client(ENTRY).open('GET', `/v2/images/${id}/file`, { headers })
    t.equal(answer.statusCode, isPart ? 206 : 200)
    let victim = HOLDERS[0]!
    const lossAtBytes = LOSS_AT_BYTES + ((turn * LOSS_STEP_BYTES) % LOSS_SPREAD_BYTES)
    const { digest, stallMs } = await readWithLoss(answer, lossAtBytes, async () => {
      const sent = (await bytesSent(cluster)).map((bytes, index) => bytes - sentBefore[index]!)
      victim = HOLDERS.toSorted((a, b) => sent[b]! - sent[a]!)[0]!
      const { process } = cluster.dev.node(victim)
      await (signal === 'SIGKILL' ? process.kill() : process.pause())
    })
    t.strictSame(digest, isPart ? part : whole, `${signal} for node ${victim} after ${lossAtBytes} bytes`)
    stalls[signal]!.push(stallMs)
    const { process } = cluster.dev.node(victim)
    await (signal === 'SIGKILL' ? cluster.dev.start(victim) : process.resume())
    await settled(cluster)
  }
  const firstBytes: number[] = []
  for (const victim of HOLDERS) {
    const { process } = cluster.dev.node(victim)
    await process.pause()
    // Nobody knows of it yet.
    const beganMs = performance.now()
    const answer = await cluster.client(ENTRY).open('GET', `/v2/images/${id}/file`)
    const meter = new Meter()
    for await (const _ of meter.count(answer as AsyncIterable<Uint8Array>))
      firstBytes[victim] ??= performance.now() - beganMs
    t.strictSame(meter.result(), whole, `node ${victim} hangs from the beginning`)
    await process.resume()
    await settled(cluster)
  }
  t.comment(
    `a holder hangs before the download: first bytes after ${firstBytes.map(Math.round).join(', ')} ms`,
  )
  for (const [signal, all] of Object.entries(stalls)) {
    const sorted = all.map(Math.round).toSorted((a, b) => a - b)
    t.comment(`${signal}: longest stall ${sorted.at(-1)} ms, median ${sorted[sorted.length >> 1]} ms`)
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

/** What each holder has written so far, to sockets mostly: the one that serves grows. */
async function bytesSent(cluster: ProbeCluster): Promise<number[]> {
  const pids = await cluster.pids()
  return Promise.all(
    HOLDERS.map(async (index) => {
      const counters = await readFile(`/proc/${pids[index]}/io`, 'utf8')
      return Number(/^wchar: (\d+)$/m.exec(counters)?.[1])
    }),
  )
}

/** Reads the whole answer, and calls `lose` on the way; tells how long the client had to wait at most. */
async function readWithLoss(
  answer: IncomingMessage,
  lossAtBytes: number,
  lose: () => Promise<void>,
): Promise<{ digest: Digest; stallMs: number }> {
  const meter = new Meter()
  let losing: Promise<void> | null = null
  let stallMs = 0
  let lastMs = performance.now()
  for await (const _ of meter.count(answer as AsyncIterable<Uint8Array>)) {
    stallMs = Math.max(stallMs, performance.now() - lastMs)
    if (meter.sizeBytes >= lossAtBytes) losing ??= lose()
    lastMs = performance.now()
  }
  await losing
  return { digest: meter.result(), stallMs }
}
