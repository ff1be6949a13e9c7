/**
 * Files of one of three nodes that are damaged or gone while it is stopped: it says so in the status, the others heal it,
 * and meanwhile as afterwards every node serves every image right.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { flipChunk, flipLocation, flipTableIndex } from '../helpers/damage.ts'
import { imageKey } from '../../node/images/image-operations.ts'
import { ImageSet } from '../helpers/image-set.ts'
import { eventually, ProbeCluster, SERAC } from '../helpers/probe-cluster.ts'
import { runCommand } from '../helpers/run-command.ts'
import { loseLearned } from '../helpers/stored-registers.ts'

const MIB = 1024 ** 2
const IMAGES = 3
/** Of 4 MiB chunks; the last one is short. */
const IMAGE_BYTES = 16 * MIB + 5
const DAMAGED = 1
/** Of this one a record is gone. */
const FORGETFUL = 2
const FULL_RATE = 1024 ** 4

interface Fault {
  name: string
  /** What the others say of it. */
  check: string
  inflict: (directory: string) => Promise<void>
  /** It shows only when the auditor reads everything. */
  isSilent?: boolean
}

const FAULTS: readonly Fault[] = [
  {
    name: 'a flipped bit in a segment',
    check: 'CHUNKS_DAMAGED',
    inflict: async (directory) => flipChunk(await segmentOf(directory)),
    isSilent: true,
  },
  { name: 'a flipped bit in a row of the chunk index', check: 'CHUNKS_LOST', inflict: flipLocation },
  {
    name: "a flipped bit in the index of the chunk index's tables",
    check: 'INDEX_REBUILT',
    inflict: (directory) => flipTableIndex(join(directory, 'chunks')),
  },
  {
    name: 'a segment file is gone',
    check: 'CHUNKS_LOST',
    inflict: async (directory) => rm(await segmentOf(directory)),
  },
  {
    name: 'CURRENT of the chunk index is gone',
    check: 'INDEX_REBUILT',
    inflict: (directory) => rm(join(directory, 'chunks/CURRENT')),
  },
  {
    name: "a flipped bit in the index of the registers' tables",
    check: 'REGISTERS_LOST',
    inflict: (directory) => flipTableIndex(join(directory, 'meta')),
  },
  {
    name: 'CURRENT of the registers is gone',
    check: 'REGISTERS_LOST',
    inflict: (directory) => rm(join(directory, 'meta/CURRENT')),
  },
]

t.test('damaged files are named, healed by the others, and no wrong byte is served', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const { directory } = cluster.dev.node(DAMAGED)
  const images = new ImageSet()
  // By the time that all is full every node has followed every log past it.
  const forgotten = await cluster.client(0).newImage()
  for (let i = 0; i < IMAGES; i++) t.equal(await images.upload(cluster.client(i), IMAGE_BYTES), 204)
  await cluster.full(0)

  // No start and no read shows it: it takes the loop that compares all records, and that takes its time.
  t.equal(await isListed(cluster, forgotten), true)
  await cluster.dev.stop(FORGETFUL)
  await loseLearned(cluster.dev.node(FORGETFUL).directory, imageKey(forgotten))
  await cluster.dev.start(FORGETFUL)
  await cluster.ready(FORGETFUL)
  t.equal(await isListed(cluster, forgotten), false)
  await cluster.setLoop(FORGETFUL, 'record-auditor', { rate: FULL_RATE })

  for (const { name, check, inflict, isSilent = false } of FAULTS) {
    if (check === 'REGISTERS_LOST') {
      // Afterwards the others compare everything with this node anyway.
      await cluster.shows(0, 'RECORDS_DIFFERED', FORGETFUL)
      t.equal(await isListed(cluster, forgotten), true, 'the record is there again')
    }
    const beganMs = performance.now()
    await cluster.dev.stop(DAMAGED)
    await inflict(directory)
    await cluster.dev.start(DAMAGED)
    if (isSilent) {
      // Else it is healed before anybody looks.
      await cluster.setLoop(DAMAGED, 'updater', { paused: true })
      await cluster.setLoop(DAMAGED, 'auditor', { rate: FULL_RATE })
    }
    await cluster.shows(0, check, DAMAGED)
    for (const index of [0, 1, 2]) {
      await cluster.ready(index)
      await images.assertServedBy(t, cluster.client(index), `${name}; node ${index} while it heals`)
    }
    if (isSilent) await cluster.setLoop(DAMAGED, 'updater', { paused: false })
    await isHealed(cluster, name)
    t.equal(await images.upload(cluster.client(DAMAGED), 5), 204, `${name}: it takes uploads`)
    t.comment(`${name}: ${Math.round(performance.now() - beganMs)} ms`)
  }

  await cluster.dev.stop(DAMAGED)
  await rm(join(directory, 'seg'), { recursive: true })
  await mkdir(join(directory, 'seg'))
  const { configFile } = cluster.dev.node(DAMAGED)
  const serac = (...args: string[]) =>
    runCommand(process.execPath, [SERAC, ...args, '--config-file', configFile])
  const refused = await serac('start')
  t.not(refused.exitCode, 0, 'an empty directory is not taken for a mount that is missing')
  t.match(refused.stdout + refused.stderr, /not the segment directory of this store/)
  t.match(await serac('repair', '--lost-segments'), { exitCode: 0, stdout: /chunks have left the index/ })
  await cluster.dev.start(DAMAGED)
  await cluster.ready(DAMAGED)
  await images.assertServedBy(t, cluster.client(DAMAGED), 'all segments are lost; the node while it heals')
  await isHealed(cluster, 'all segments are lost')

  await cluster.full(0)
  // The others are gone: what it serves now is its own.
  for (const index of [0, 2]) await cluster.dev.stop(index)
  await images.assertServedBy(t, cluster.client(DAMAGED), 'all that was healed')
})

async function isHealed(cluster: ProbeCluster, what: string): Promise<void> {
  await cluster.full(0)
  await eventually(`${what}: nothing is left to do`, async () => {
    const { verdict } = await cluster.status(0)
    return verdict === 'HEALTHY' && (await cluster.ownStatus(DAMAGED)).integrity?.quarantined === 0
  })
}

async function isListed(cluster: ProbeCluster, id: string): Promise<boolean> {
  return (await cluster.client(FORGETFUL).send('GET', '/v2/images')).body.includes(id)
}

/** The largest. */
async function segmentOf(directory: string): Promise<string> {
  const names = (await readdir(join(directory, 'seg'))).filter((name) => name.endsWith('.seg'))
  const paths = names.map((name) => join(directory, 'seg', name))
  const sizes = await Promise.all(paths.map(async (path) => ({ path, size: (await stat(path)).size })))
  const largest = sizes.toSorted((a, b) => b.size - a.size)[0]
  if (!largest) throw new Error(`there is no segment in ${directory}`)
  return largest.path
}
