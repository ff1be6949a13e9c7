import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { testProgram } from '../../helpers/test-program.ts'
import { accepted } from '../../suites/register-storage.ts'
import { openedStore, openStore } from './store-fixture.ts'

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

void t.test('a lost database is noticed, not replaced by an empty one', async (t) => {
  const directory = t.testdir()
  await newStore(directory)
  await rm(join(directory, 'meta'), { recursive: true })
  await t.rejects(openStore(directory), { code: 'DATABASE_UNREADABLE' })
})

void t.test('the ballast is written for real', async (t) => {
  const { directory } = await openedStore(t, { ballastBytes: 2_500_000 })
  const { size, blocks } = await stat(join(directory, 'ballast'))
  t.equal(size, 2_500_000)
  t.ok(blocks * 512 >= size, 'no hole')
})
