/**
 * The disk of one of three nodes hangs: it tells no error, it only ends no write any more. Whatever is asked of that node is
 * answered all the same, the status says what is the matter, the others go on, and it goes on by itself when its disk does.
 */
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { sleep, systemClock } from '../../cluster/runtime.ts'
import { describe, type Reply } from '../helpers/image-client.ts'
import { ImageSet } from '../helpers/image-set.ts'
import { LoopDisk, smallDiskSettings } from '../helpers/loop-disk.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { GatedBytes } from '../helpers/gated-bytes.ts'
import { digestOf, patternImage } from '../helpers/pattern-image.ts'

const MIB = 1024 ** 2
const DISK_BYTES = 384 * MIB
const IMAGES = 3
const IMAGE_BYTES = 8 * MIB + 5
/** More than an upload may have under way: the disk hangs in the midst of it. */
const LARGE_BYTES = 64 * MIB + 5
const GATE_BYTES = 24 * MIB
const HANGING = 1
/** No assertion, only so that what is never answered ends the test with a message. */
const ANSWER_LIMIT_MS = 60_000

t.test('a disk that hangs', { skip: LoopDisk.unavailable() ?? false }, async (t) => {
  const disk = await LoopDisk.create({ sizeBytes: DISK_BYTES, hasJournal: true })
  // The log is elsewhere, as in production: whoever writes a line waits for its end.
  const prepare = async (directory: string) => {
    const place = join(directory, `node-${HANGING}`)
    await mkdir(place)
    for (const part of ['meta', 'chunks', 'seg']) {
      await mkdir(join(disk.path, part))
      await symlink(join(disk.path, part), join(place, part))
    }
  }
  const cluster = await ProbeCluster.start(t, { settings: smallDiskSettings(), prepare })
  const [client, other] = [cluster.client(HANGING), cluster.client(0)]
  const images = new ImageSet()
  for (let i = 0; i < IMAGES; i++) t.equal(await images.upload(cluster.client(i), IMAGE_BYTES), 204)
  await cluster.full(0)
  const ids = [await client.newImage(), await client.newImage()]

  const image = new GatedBytes(patternImage(LARGE_BYTES, 7), GATE_BYTES)
  const { answer } = client.upload(ids[0]!, image)
  await image.reached
  await disk.freeze()
  // What waits for the end of a write waits for this, too: no test that ends, if anything does.
  t.teardown(() => disk.thaw().catch(() => {}))
  image.open()
  const stored = await soon('the upload', answer)
  t.equal(stored.status, 204, `the others store what comes to it: ${describe(stored)}`)

  await cluster.shows(0, 'STORE_NOT_WRITABLE', HANGING)
  const { store } = await cluster.ownStatus(HANGING)
  t.match(store?.failure, /the disk of this node hangs/)
  t.equal((await client.send('GET', '/healthcheck')).status, 200)
  t.equal((await client.send('GET', '/ready')).status, 503)
  await images.assertServedBy(t, client, 'while its disk hangs')
  const begun = await soon('an upload that begins now', client.put(ids[1]!, patternImage(IMAGE_BYTES, 8)))
  t.equal(begun.status, 204, describe(begun))
  const answered = async (what: string, asking: Promise<Reply>) => {
    const reply = await soon(what, asking)
    t.ok(reply.status < 300 || reply.status === 503, `${what}: ${describe(reply)}`)
  }
  await answered('list', client.send('GET', '/v2/images'))
  await answered('show', client.send('GET', `/v2/images/${ids[0]}`))
  await answered('create', client.create())
  await answered('rename', client.rename(ids[0]!, 'renamed'))
  await answered('delete', client.remove(ids[1]!))
  for (const index of [0, 2]) {
    t.equal(await images.upload(cluster.client(index), IMAGE_BYTES), 204, `an upload by node ${index}`)
    await images.assertServedBy(t, cluster.client(index), `node ${index} meanwhile`)
  }
  await other.newImage()

  await disk.thaw()
  await eventually('it goes on by itself', async () => {
    const { verdict, redundancy, images: counts } = await cluster.status(0)
    const own = await cluster.ownStatus(HANGING)
    return verdict === 'HEALTHY' && own.store?.failure === null && redundancy?.full === counts?.active
  })
  t.equal((await cluster.pids()).filter((pid) => pid === null).length, 0, 'nobody has died')
  t.equal(await images.upload(client, IMAGE_BYTES), 204)
  await cluster.full(0)
  for (const index of [0, 2]) await cluster.dev.stop(index)
  await images.assertServedBy(t, client, 'all that is on the disk that hung')
  const large = await client.open('GET', `/v2/images/${ids[0]}/file`)
  t.strictSame(await digestOf(large), await digestOf(patternImage(LARGE_BYTES, 7)))
})

async function soon<T>(what: string, asking: Promise<T>): Promise<T> {
  const waited = new AbortController()
  const limit = sleep(systemClock, ANSWER_LIMIT_MS, waited.signal).then(
    () => Promise.reject(new Error(`never answered: ${what}`)),
    () => asking,
  )
  try {
    return await Promise.race([asking, limit])
  } finally {
    waited.abort()
  }
}
