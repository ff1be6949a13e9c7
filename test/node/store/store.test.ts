import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ImpatientChunks } from '../../../cluster/transfer/impatient-chunks.ts'
import { scanInThread } from '../../../node/store/scan-thread.ts'
import type { OpenFile } from '../../../node/store/segment-file.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { testProgram } from '../../helpers/test-program.ts'
import { accepted } from '../../suites/register-storage.ts'
import { openedStore, openStore, putBytes, readBytes, slotOf, UPLOAD } from './store-fixture.ts'

const CHILD = testProgram(import.meta.dirname, 'store-child')

async function newStore(directory: string): Promise<void> {
  await (await openStore(directory)).close()
}

void t.test('a directory in use is refused, and the holder is named', async (t) => {
  const directory = t.testdir()
  const child = spawn(process.execPath, [...CHILD, directory, 'hold'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await t.rejects(openStore(directory), { code: 'STORE_LOCKED', message: new RegExp(`pid ${child.pid} `) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await openStore(directory)).close()
  t.pass('the kernel has dropped the lock with the process')
})

void t.test('a directory is opened once in a process', async (t) => {
  const { directory } = await openedStore(t)
  await t.rejects(openStore(directory), { code: 'STORE_OPEN_TWICE' })
})

void t.test('a copied directory is refused, and can be taken without its votes', async (t) => {
  const root = t.testdir()
  const [original, copy] = [join(root, 'original'), join(root, 'copy')]
  const first = await openStore(original)
  await first.registers.vote('image/a', accepted(1, 'one'), true)
  const { dbUuid } = first.registers.identity()
  await first.close()
  await cp(original, copy, { recursive: true })
  await t.rejects(openStore(copy), { code: 'STORE_COPIED', message: /forget-votes/ })
  const taken = await openStore(copy, { forgetVotes: true })
  t.not(taken.registers.identity().dbUuid, dbUuid)
  await taken.close()
  await newStore(copy)
  await rename(original, join(root, 'moved'))
  await newStore(join(root, 'moved'))
  t.pass('a moved directory is no copy')
})

void t.test('a directory of another node is refused, and remembers its cluster', async (t) => {
  const directory = t.testdir()
  const clusterId = '1'.repeat(32)
  const first = await openStore(directory)
  t.equal(first.clusterId, null)
  await first.setClusterId(clusterId)
  await first.close()
  await t.rejects(openStore(directory, { nodeId: 'another' }), { code: 'STORE_FOREIGN', message: /another/ })
  const { store } = await openedStore(t, { directory })
  t.equal(store.clusterId, clusterId)
})

void t.test('a FORMAT of a newer release, a damaged one and a lost one are refused', async (t) => {
  const directory = t.testdir()
  await newStore(directory)
  const path = join(directory, 'FORMAT')
  const text = await readFile(path, 'utf8')
  await writeFile(path, text.replace('SERAC', 'SORAC'))
  await t.rejects(openStore(directory), { code: 'FORMAT_DAMAGED' })
  await rm(path)
  await t.rejects(openStore(directory), { code: 'FORMAT_DAMAGED', message: /no FORMAT/ })
  const newer = text.split('\n')[0]?.replace('"version":1', '"version":2') ?? ''
  await writeFile(path, `${newer}\n${contentHashHex(Buffer.from(newer))}\n`)
  await t.rejects(openStore(directory), { code: 'FORMAT_UNKNOWN', message: /version 2/ })
})

void t.test('an interrupted creation is begun again', async (t) => {
  const directory = t.testdir()
  await newStore(directory)
  await rename(join(directory, 'FORMAT'), join(directory, 'FORMAT.new'))
  await newStore(directory)
  await newStore(directory)
  t.pass('it opens as any store')
})

void t.test('a missing or foreign mount of the segments is noticed', async (t) => {
  const directory = t.testdir()
  await newStore(directory)
  const marker = join(directory, 'seg', 'SEGMENTS')
  await writeFile(marker, 'another\n')
  await t.rejects(openStore(directory), { code: 'SEGMENTS_MISSING', message: /another store/ })
  await rm(marker)
  await t.rejects(openStore(directory), { code: 'SEGMENTS_MISSING', message: /mount/ })
  await rm(join(directory, 'seg'), { recursive: true })
  await t.rejects(openStore(directory), { code: 'SEGMENTS_MISSING' })
})

const REGISTER_DAMAGES: Record<string, (meta: string) => Promise<void>> = {
  'no CURRENT': (meta) => rm(join(meta, 'CURRENT')),
  'no directory': (meta) => rm(meta, { recursive: true }),
  async 'a flipped bit in a table'(meta) {
    const path = join(meta, (await readdir(meta)).find((name) => name.endsWith('.ldb')) ?? '')
    const table = await readFile(path)
    // The first block; its compressed bytes begin with their length.
    for (let at = 0; at < 64; at++) table.writeUInt8(table.readUInt8(at) ^ 0xff, at)
    await writeFile(path, table)
  },
}

for (const [name, damage] of Object.entries(REGISTER_DAMAGES))
  void t.test(`registers with ${name}: lost votes where others have them, else an error`, async (t) => {
    const directory = t.testdir()
    const first = await openStore(directory)
    await first.setClusterId('1'.repeat(32))
    await first.registers.vote('image/a', accepted(1, 'one'), true)
    const { dbUuid } = first.registers.identity()
    const hash = await putBytes(first, Buffer.from('a chunk'))
    await first.close()
    // A second start makes a table of what was only in the log.
    await newStore(directory)
    await damage(join(directory, 'meta'))
    await t.rejects(openStore(directory), { code: 'DATABASE_UNREADABLE', message: /only voter/ })
    await t.rejects(openStore(directory), { code: 'DATABASE_UNREADABLE' }, 'nothing was changed')

    const told = new Map<string, boolean>()
    const { store } = await openedStore(t, {
      directory,
      registersElsewhere: true,
      scan: (path) => scanInThread(path),
      onFound: (key, row) => void told.set(key, row !== null),
    })
    t.match(store.condition, { registersLost: true, failure: null })
    t.equal(store.registers.isAdmitted, false, 'it may not vote by itself, nor found a cluster')
    t.not(store.registers.identity().dbUuid, dbUuid)
    t.equal(store.registers.learned('image/a'), null)
    t.notOk(told.get('image/a'), 'nobody keeps what was read before the damage was met')
    t.equal((await readBytes(store, hash)).toString(), 'a chunk', 'chunks stay')
    t.equal(store.clusterId, '1'.repeat(32))
  })

void t.test('the ballast is written for real', async (t) => {
  const { directory } = await openedStore(t, { ballastBytes: 2_500_000 })
  const { size, blocks } = await stat(join(directory, 'ballast'))
  t.equal(size, 2_500_000)
  t.ok(blocks * 512 >= size, 'no hole')
})

void t.test(
  'a disk that hangs is told, until it goes on: what hung ends well, and nothing is opened again',
  async (t) => {
    const clock = new ManualClock()
    const [begun, held] = [deferred(), deferred()]
    let hangs = false
    const openFile: OpenFile = async (path, flags, mode) => {
      const file = await open(path, flags, mode)
      const datasync = file.datasync.bind(file)
      return Object.assign(file, {
        datasync: async () => {
          if (hangs) begun.resolve()
          await (hangs ? held.promise : datasync())
        },
      })
    }
    const { store } = await openedStore(t, { clock, openFile })
    const kept = await putBytes(store, Buffer.from('kept'))
    hangs = true
    const slot = await slotOf(t, Buffer.from('hanging'))
    const hash = contentHashHex(slot.payload)
    const impatient = new ImpatientChunks(store.chunks, store.disk)
    const put = impatient.put(hash, slot, UPLOAD)
    put.catch(() => {})
    await begun.promise
    await clock.advance(2000)
    t.equal(store.condition.failure, null)
    await clock.advance(500)
    t.match(store.condition.failure, /the disk of this node hangs: no write to it ends/)
    t.equal(store.failure, null, 'nothing has failed, so that it may vote, as far as its votes end')
    await t.rejects(put, { code: 'STORE_NOT_WRITABLE' })
    t.equal((await readBytes(store, kept)).toString(), 'kept')
    held.resolve()
    while (!store.chunks.has(hash)) await settled()
    await clock.advance(250)
    t.equal(store.condition.failure, null)
    t.equal((await readBytes(store, hash)).toString(), 'hanging')
  },
)
