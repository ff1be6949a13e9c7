/** The power of all three nodes goes at once while images are uploaded: whatever was acknowledged is there afterwards. */
import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { lookUpProcess } from '../../deploy/dev/process-table.ts'
import { writeDurably } from '../../node/store/durable-file.ts'
import { ImageSet } from '../helpers/image-set.ts'
import { LoopDisk, smallDiskSettings } from '../helpers/loop-disk.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
const DISK_BYTES = 384 * MIB
const NODES = [0, 1, 2]
const LANES = 4
/** Uploads that must be acknowledged in each round before the power goes. */
const ACKNOWLEDGED = 6
const CUTS = 2

t.test('a power cut during uploads', { skip: LoopDisk.unavailable() ?? false }, async (t) => {
  const disks = await Promise.all(
    NODES.map(() => LoopDisk.create({ sizeBytes: DISK_BYTES, hasJournal: true })),
  )
  const prepare = async (directory: string) => {
    for (const [i, disk] of disks.entries()) await symlink(disk.path, join(directory, `node-${i}`))
  }
  const cluster = await ProbeCluster.start(t, { settings: smallDiskSettings(), prepare })
  // What an operator has written long ago.
  for (const { configFile } of cluster.dev.nodes)
    await writeDurably(configFile, await readFile(configFile, 'utf8'))
  const sets: ImageSet[] = []
  for (let cut = 0; cut < CUTS; cut++) {
    const run = { isOver: false }
    const lanes = Array.from({ length: LANES }, (_, lane) => new ImageSet((cut * LANES + lane) * 1000))
    sets.push(...lanes)
    const uploads = lanes.map(async (images, lane) => {
      for (let turn = 0; !run.isOver; turn++)
        await images.upload(cluster.client(lane + turn), 2 * MIB + lane).catch(() => null)
    })
    const acknowledged = () => lanes.reduce((sum, { size }) => sum + size, 0)
    await eventually('uploads are acknowledged', async () => acknowledged() >= ACKNOWLEDGED)
    // Afterwards no file tells them.
    const pids = await cluster.pids()
    await Promise.all(disks.map((disk) => disk.cutPower()))
    run.isOver = true
    await Promise.all(pids.map(kill))
    await Promise.all(uploads)
    t.comment(`${acknowledged()} uploads were acknowledged before the power went`)
    for (const disk of disks) {
      await disk.unmount()
      await disk.mount()
    }
    for (const index of NODES) await cluster.dev.start(index)
    for (const index of NODES) await cluster.ready(index)
    await cluster.full(0)
    for (const index of NODES)
      for (const images of sets) await images.assertServedBy(t, cluster.client(index), `node ${index}`)
    await eventually('nothing is stuck', async () => {
      const { images, verdict } = await cluster.status(0)
      return images?.saving === 0 && verdict === 'HEALTHY'
    })
  }
})

async function kill(pid: number | null): Promise<void> {
  if (pid === null) throw new Error('a node died before the power went')
  process.kill(pid, 'SIGKILL')
  await eventually(`process ${pid} is gone`, async () => (await lookUpProcess(pid)) === null)
}
