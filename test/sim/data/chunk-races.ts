/**
 * One chunk of one store, and everything that may happen to it at once: claims, removals, rewrites, reads, each beginning
 * at a moment from the seed. Whoever was told that the chunk is here finds it here; nobody is told that it is damaged.
 */
import { hasCode } from '../../../cluster/errors.ts'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { PEACE, SimNetwork } from '../world/sim-network.ts'
import { SimDisk } from '../disk/sim-disk.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import { SimHost } from '../world/sim-host.ts'
import { SimWorld } from '../world/sim-world.ts'
import { openChunks } from './data-node.ts'
import type { DataReport } from './data-run.ts'
import type { DataVariant } from './data-variant.ts'
import { smallBuffer } from './sim-bulk.ts'
import { SegmentDisk } from './sim-segments.ts'

type Opened = Awaited<ReturnType<typeof openChunks>>

const MEETINGS = 30
/** As long as a put takes, mostly. */
const MOMENT_MS_MAX = 8
/** Everything has ended by then, hiccups of the disk included. */
const MEETING_MS = 2000
const UPLOAD = 'ab'.repeat(16)
const ROOT = 'cd'.repeat(32)
const PAYLOAD_BYTES = 300

/** Each answers whether it was told that the chunk is here. */
const CLAIMS: Record<string, (opened: Opened, hash: string, payload: Buffer) => Promise<boolean>> = {
  have: async ({ chunks }, hash) => (await chunks.have([hash], UPLOAD))[0] === true,
  put: async ({ chunks }, hash, payload) => {
    await chunks.put(hash, smallBuffer(payload), UPLOAD)
    return true
  },
  reference: async ({ chunks }, hash) => (await chunks.addReferences(ROOT, [hash])).length === 0,
}

export async function raceChunks(seed: number, variant: DataVariant = {}): Promise<DataReport> {
  const report: DataReport = { seed, violations: [], counts: {} }
  const world = new SimWorld(seed)
  const random = world.random.fork('races')
  for (let number = 0; number < MEETINGS && report.violations.length === 0; number++) {
    const wrong = await meet(world, random.fork(String(number)), variant, report)
    for (const message of wrong) report.violations.push({ kind: 'race', message })
  }
  return report
}

async function meet(
  world: SimWorld,
  random: SeededRandom,
  variant: DataVariant,
  { counts }: DataReport,
): Promise<string[]> {
  const opened = await during(world, openOn(world, random, variant))
  const { chunks, store } = opened
  const fillers = Array.from({ length: 7 }, (_, filler) => Buffer.alloc(PAYLOAD_BYTES, filler + 2))
  const payload = Buffer.alloc(PAYLOAD_BYTES, 1)
  const hash = contentHashHex(payload)
  // Eight records fill a segment; when all but this one are gone it is worth to be rewritten.
  for (const bytes of [payload, ...fillers, Buffer.alloc(PAYLOAD_BYTES, 99)])
    await during(world, store.put(contentHashHex(bytes), smallBuffer(bytes), null))
  for (const bytes of fillers) await during(world, store.removeUnclaimed(contentHashHex(bytes)))

  const [name = ''] = random.shuffled(Object.keys(CLAIMS))
  const wrong: string[] = []
  const later = () => world.pause(random.float() * MOMENT_MS_MAX)
  const read = async () => {
    await later()
    await chunks.read(hash, smallBuffer()).catch((error: unknown) => {
      if (!hasCode(error, 'CHUNK_MISSING')) wrong.push(`a reader was told ${String(error)}`)
    })
  }
  const acts = [
    later().then(() => CLAIMS[name]!(opened, hash, payload)),
    later().then(() => chunks.removeUnclaimed(hash)),
    later().then(() => opened.compactor.runOnce(new AbortController().signal)),
    read(),
    read(),
  ] as const
  const [claimed, removed] = await during(world, Promise.all(acts))
  count(
    counts,
    `${name}, ${claimed ? 'told that it is here' : 'told that it is not'}, ${removed ? '' : 'not '}removed`,
  )
  const wantsIt = claimed && !chunks.has(hash)
  if (wantsIt) wrong.push(`${name} was told that the chunk is here, and it is not`)
  if (store.damage.found > 0) wrong.push('sound bytes were called damaged')
  if (claimed && !wantsIt)
    await during(world, chunks.read(hash, smallBuffer())).catch((error: unknown) => {
      wrong.push(`${name} claimed what cannot be read: ${String(error)}`)
    })
  return wrong
}

function openOn(world: SimWorld, random: SeededRandom, variant: DataVariant): Promise<Opened> {
  const network = new SimNetwork(world, PEACE)
  const clockError = { wallSkewMs: 0, rate: 1 }
  const host = new SimHost({ world, network, hostOf: () => undefined, clockError }, 'a')
  const disk = new SimDisk(random.fork('disk'))
  return openChunks({ world, host, random, disk, segments: new SegmentDisk(), variant })
}

/** Lets time pass until `work` has ended. */
async function during<T>(world: SimWorld, work: Promise<T>): Promise<T> {
  const state = { isOver: false }
  const over = () => {
    state.isOver = true
  }
  work.then(over, over)
  const endMs = world.nowMs + MEETING_MS
  while (!state.isOver && world.nowMs < endMs) await world.run(world.nowMs + 1)
  if (!state.isOver) throw new Error('it does not end')
  return work
}

function count(counts: Record<string, number>, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1
}
