/**
 * The disk of one of three nodes cannot be read in places, is full, fails now and then: the status says so, no wrong byte
 * is served, writes go on through the others and through it, and it comes back by itself.
 */
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ImageSet } from '../helpers/image-set.ts'
import { LoopDisk, smallDiskSettings } from '../helpers/loop-disk.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
const DISK_BYTES = 256 * MIB
const IMAGES = 3
const IMAGE_BYTES = 8 * MIB + 5
/** All that this one has is on a disk that fails ... */
const FAILING = 1
/** ... of this one its segments are on a disk of their own. */
const ROTTING = 2
const FULL_RATE = 1024 ** 4

t.test('a disk that fails', { skip: LoopDisk.unavailable() ?? false }, async (t) => {
  const [disk, segments] = [await newDisk(), await newDisk()]
  const prepare = async (directory: string) => {
    await symlink(disk.path, join(directory, `node-${FAILING}`))
    await mkdir(join(directory, `node-${ROTTING}`))
    await symlink(segments.path, join(directory, `node-${ROTTING}`, 'seg'))
  }
  const cluster = await ProbeCluster.start(t, { settings: smallDiskSettings('48MiB'), prepare })
  const images = new ImageSet()
  for (let i = 0; i < IMAGES; i++) t.equal(await images.upload(cluster.client(i), IMAGE_BYTES), 204)
  await cluster.full(0)
  const isHealed = (what: string, node = FAILING) =>
    eventually(`${what}: nothing is left to do`, async () => {
      const { verdict, redundancy, images: counts } = await cluster.status(0)
      const { store, integrity } = await cluster.ownStatus(node)
      const isWhole = store?.failure === null && integrity?.quarantined === 0
      return verdict === 'HEALTHY' && isWhole && redundancy?.full === counts?.active
    })
  const servedByAll = async (what: string) => {
    for (const index of [0, 1, 2])
      await images.assertServedBy(t, cluster.client(index), `${what}; node ${index}`)
  }

  await t.test('EIO on read: the chunks there are healed elsewhere on it', async (t) => {
    await cluster.dev.stop(ROTTING)
    // The kernel shall not answer from its memory.
    await segments.unmount()
    await segments.mount()
    await cluster.dev.start(ROTTING)
    await cluster.ready(ROTTING)
    await cluster.setLoop(ROTTING, 'updater', { paused: true })
    const names = (await readdir(segments.path)).filter((name) => name.endsWith('.seg'))
    await segments.failReadsIn(join(segments.path, names.toSorted()[0]!))
    await cluster.setLoop(ROTTING, 'auditor', { rate: FULL_RATE })
    await cluster.shows(0, 'CHUNKS_DAMAGED', ROTTING)
    await servedByAll('EIO on read')
    t.ok(((await cluster.ownStatus(ROTTING)).integrity?.found ?? 0) > 0)
    await cluster.setLoop(ROTTING, 'updater', { paused: false })
    await isHealed('EIO on read', ROTTING)
    await servedByAll('after EIO on read')
  })

  await t.test(
    'ENOSPC: it steps down when even the ballast is used up, and comes back when there is room',
    async (t) => {
      await disk.fill()
      await cluster.shows(0, 'STORE_FULL', FAILING)
      // Votes take room, too. The ballast is given up for them; then it is taken as well.
      // Whoever tries to take it back into service holds some room meanwhile, which is taken when it is left.
      await eventually('nothing can be written any more, and the others are told', async () => {
        await cluster.client(0).newImage()
        await disk.fill()
        return cluster.isShown(0, 'STORE_NOT_WRITABLE', FAILING)
      })
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
    // Blocks that the disk has already still take writes: after a failed one the store may be opened again until it needs more.
    await eventually('a sync has failed, and the others are told', async () => {
      const status = await images.upload(cluster.client(0), MIB)
      if (status !== 204) t.fail(`an upload beside the failing disk was answered with ${status}`)
      return cluster.isShown(0, 'STORE_NOT_WRITABLE', FAILING)
    })
    await servedByAll('failing syncs')
    await disk.heal()
    await isHealed('failing syncs')
    await servedByAll('after failing syncs')
    t.equal(await images.upload(cluster.client(FAILING), IMAGE_BYTES), 204)
  })

  await cluster.full(0)
  // Without the others it serves what is its own.
  for (const index of [0, ROTTING]) await cluster.dev.stop(index)
  await images.assertServedBy(t, cluster.client(FAILING), 'all that is on the disk that failed')
})

function newDisk(): Promise<LoopDisk> {
  return LoopDisk.create({ sizeBytes: DISK_BYTES, hasJournal: false })
}
