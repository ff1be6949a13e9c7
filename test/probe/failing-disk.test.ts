/**
 * The disk of one of three nodes cannot be read in places, is full, fails now and then: the status says so, no wrong byte
 * is served, writes go on through the others and through it, and it comes back by itself.
 */
import { readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ImageSet } from '../helpers/image-set.ts'
import { LoopDisk } from '../helpers/loop-disk.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
const DISK_BYTES = 256 * MIB
const IMAGES = 3
const IMAGE_BYTES = 8 * MIB + 5
const FAILING = 1
const FULL_RATE = 1024 ** 4
/** So that the node itself meets the end of the disk, and not its own watermark long before. */
const SETTINGS = [
  { section: 'store', name: 'free_bytes_min', value: '1MiB' },
  { section: 'store', name: 'ballast', value: '48MiB' },
]

t.test('a disk that fails', { skip: LoopDisk.unavailable() ?? false }, async (t) => {
  const disk = await LoopDisk.create({ sizeBytes: DISK_BYTES, hasJournal: false })
  const prepare = (directory: string) => symlink(disk.path, join(directory, `node-${FAILING}`))
  const cluster = await ProbeCluster.start(t, { settings: SETTINGS, prepare })
  const images = new ImageSet()
  for (let i = 0; i < IMAGES; i++) t.equal(await images.upload(cluster.client(i), IMAGE_BYTES), 204)
  await cluster.full(0)
  const isHealed = (what: string) =>
    eventually(`${what}: nothing is left to do`, async () => {
      const { verdict, redundancy, images: counts } = await cluster.status(0)
      const { store, integrity } = await cluster.ownStatus(FAILING)
      const isWhole = store?.failure === null && integrity?.quarantined === 0
      return verdict === 'HEALTHY' && isWhole && redundancy?.full === counts?.active
    })
  const servedByAll = async (what: string) => {
    for (const index of [0, 1, 2])
      await images.assertServedBy(t, cluster.client(index), `${what}; node ${index}`)
  }

  await t.test('EIO on read: the chunks there are healed elsewhere on it', async (t) => {
    await cluster.dev.stop(FAILING)
    // The kernel shall not answer from its memory.
    await disk.unmount()
    await disk.mount()
    await cluster.dev.start(FAILING)
    await cluster.ready(FAILING)
    await cluster.setLoop(FAILING, 'updater', { paused: true })
    const seg = join(disk.path, 'seg')
    const segment = (await readdir(seg)).filter((name) => name.endsWith('.seg')).toSorted()[0]!
    await disk.failReadsIn(join(seg, segment))
    await cluster.setLoop(FAILING, 'auditor', { rate: FULL_RATE })
    await cluster.shows(0, 'CHUNKS_DAMAGED', FAILING)
    await servedByAll('EIO on read')
    t.ok(((await cluster.ownStatus(FAILING)).integrity?.found ?? 0) > 0)
    await cluster.setLoop(FAILING, 'updater', { paused: false })
    await isHealed('EIO on read')
    await servedByAll('after EIO on read')
  })

  await t.test(
    'ENOSPC: it steps down when even the ballast is used up, and comes back when there is room',
    async (t) => {
      await disk.fill()
      await cluster.shows(0, 'STORE_FULL', FAILING)
      // Votes take room, too. The ballast is given up for them; then it is taken as well.
      await eventually('nothing can be written any more', async () => {
        await cluster.client(0).newImage()
        await disk.fill()
        return (await cluster.ownStatus(FAILING)).store?.failure !== null
      })
      await cluster.shows(0, 'STORE_NOT_WRITABLE', FAILING)
      await servedByAll('ENOSPC')
      t.equal(
        await images.upload(cluster.client(FAILING), IMAGE_BYTES),
        204,
        'the others store what comes to it',
      )
      t.equal((await cluster.pids()).filter((pid) => pid === null).length, 0, 'nobody has died')
      await disk.empty()
      await isHealed('ENOSPC')
      await servedByAll('after ENOSPC')
    },
  )

  await t.test('syncs fail: it steps down, and is opened again when the disk writes', async (t) => {
    await disk.failNewBlocks()
    await eventually('a sync has failed', async () => {
      const status = await images.upload(cluster.client(0), MIB)
      if (status !== 204) t.fail(`an upload beside the failing disk was answered with ${status}`)
      return (await cluster.ownStatus(FAILING)).store?.failure !== null
    })
    await cluster.shows(0, 'STORE_NOT_WRITABLE', FAILING)
    await servedByAll('failing syncs')
    await disk.heal()
    await isHealed('failing syncs')
    await servedByAll('after failing syncs')
    t.equal(await images.upload(cluster.client(FAILING), IMAGE_BYTES), 204)
  })

  await cluster.full(0)
  for (const index of [0, 2]) await cluster.dev.stop(index)
  await images.assertServedBy(t, cluster.client(FAILING), 'all that is on the disk that failed')
})
