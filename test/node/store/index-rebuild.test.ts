import { appendFile, mkdir, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ChunkHash } from '../../../cluster/transfer/local-chunks.ts'
import { isDatabaseDamage } from '../../../node/store/database-damage.ts'
import { StoreError } from '../../../node/store/store-error.ts'
import { openedStore, openStore, putBytes, readBytes } from './store-fixture.ts'

const CHUNKS = 40
const SEGMENT_BYTES_MAX = 64 * 1024

function bytesOf(number: number): Buffer {
  return Buffer.alloc(3000 + number, `chunk ${number} `)
}

/** A closed store with chunks in several segments. */
async function filled(t: Test): Promise<{ directory: string; hashes: ChunkHash[] }> {
  const directory = t.testdir()
  const store = await openStore(directory, { segmentBytesMax: SEGMENT_BYTES_MAX })
  const hashes: ChunkHash[] = []
  for (let i = 0; i < CHUNKS; i++) hashes.push(await putBytes(store, bytesOf(i)))
  await store.close()
  // A second start makes a table of what was only in the log.
  await (await openStore(directory)).close()
  return { directory, hashes }
}

async function fileOf(directory: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(join(directory, 'chunks'))).find((each) => pattern.test(each))
  if (name === undefined) throw new Error(`no file like ${pattern}`)
  return join(directory, 'chunks', name)
}

const DAMAGES: Record<string, (directory: string) => Promise<void>> = {
  'no CURRENT': (directory) => rm(join(directory, 'chunks/CURRENT')),
  'an empty CURRENT': (directory) => truncate(join(directory, 'chunks/CURRENT'), 0),
  'no MANIFEST': async (directory) => rm(await fileOf(directory, /^MANIFEST/)),
  'a torn MANIFEST': async (directory) => truncate(await fileOf(directory, /^MANIFEST/), 20),
  'no table': async (directory) => rm(await fileOf(directory, /\.ldb$/)),
  'a torn table': async (directory) => truncate(await fileOf(directory, /\.ldb$/), 100),
  // It would open, and nobody who walks through it would come to the end.
  'a part of a table that was overwritten': async (directory) => {
    const table = await open(await fileOf(directory, /\.ldb$/), 'r+')
    await table.write(Buffer.alloc(2048, 0xff), 0, 2048, 1000)
    await table.close()
  },
  'an empty directory': async (directory) => {
    await rm(join(directory, 'chunks'), { recursive: true })
    await mkdir(join(directory, 'chunks'))
  },
  'no directory': (directory) => rm(join(directory, 'chunks'), { recursive: true }),
}

for (const [name, damage] of Object.entries(DAMAGES))
  t.test(`${name}: the index is made anew, and every chunk is there`, async (t) => {
    const { directory, hashes } = await filled(t)
    await damage(directory)
    const { store } = await openedStore(t, { directory })
    for (const [i, hash] of hashes.entries()) t.ok(bytesOf(i).equals(await readBytes(store, hash)), `${i}`)
    t.strictSame(store.chunks.findings, { lostChunks: 0, lostSegments: 0, rescuedChunks: 0 })
    t.equal(store.condition.indexRebuilt, CHUNKS)
    const added = await putBytes(store, bytesOf(CHUNKS))
    t.ok(bytesOf(CHUNKS).equals(await readBytes(store, added)), 'and it takes more')
    t.notOk(await exists(join(directory, 'chunks.draft')))
  })

t.test('a rebuild that was interrupted begins again', async (t) => {
  const { directory, hashes } = await filled(t)
  await rm(join(directory, 'chunks'), { recursive: true })
  await mkdir(join(directory, 'chunks.draft'))
  await writeFile(join(directory, 'chunks.draft/CURRENT'), 'torn')
  const { store } = await openedStore(t, { directory })
  for (const hash of hashes) t.ok(store.chunks.has(hash))
})

t.test('of two records of a chunk, the newer one counts if it is whole', async (t) => {
  const { directory, hashes } = await filled(t)
  const first = join(directory, 'seg/00000001.seg')
  const record = Buffer.alloc(4096)
  const file = await open(first)
  await file.read(record, 0, record.length, 0)
  await file.close()
  const torn = Buffer.from(record)
  torn.fill(0, 64)
  await appendFile(first, torn)
  await rm(join(directory, 'chunks/CURRENT'))
  const { store } = await openedStore(t, { directory })
  t.ok(bytesOf(0).equals(await readBytes(store, hashes[0] as ChunkHash)))
})

t.test('without the right segments nothing is made', async (t) => {
  const { directory } = await filled(t)
  await rm(join(directory, 'chunks/CURRENT'))
  await rm(join(directory, 'seg/SEGMENTS'))
  await t.rejects(openStore(directory), { code: 'SEGMENTS_MISSING' })
  t.notOk(await exists(join(directory, 'chunks.damaged')), 'what is there stays as it is')
})

t.test('what may pass is no damage', (t) => {
  const failing = (why: string) => new StoreError('DATABASE_UNREADABLE', `LevelDB cannot open chunks: ${why}`)
  t.equal(isDatabaseDamage(failing('IO error: chunks/LOCK: Too many open files')), false)
  t.equal(isDatabaseDamage(failing('IO error: chunks/000012.log: No space left on device')), false)
  t.equal(isDatabaseDamage(failing('IO error: chunks/CURRENT: Permission denied')), false)
  t.equal(isDatabaseDamage(new StoreError('STORE_LOCKED', 'locked: does not exist')), false)
  t.equal(isDatabaseDamage(failing('Corruption: bad block contents')), true)
  t.end()
})

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
