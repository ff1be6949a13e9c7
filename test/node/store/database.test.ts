import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Database, type LevelHandle, type WriteOp } from '../../../node/store/database.ts'
import { SyncFailures } from '../../../node/store/sync-failures.ts'
import { until } from '../../helpers/until.ts'

function put(key: string, value = key): WriteOp {
  return { type: 'put', key: Buffer.from(key), value: Buffer.from(value) }
}

/** Batches end when the test says so. */
class HeldLevel implements LevelHandle {
  readonly batches: { keys: string[]; sync: boolean; end: (error?: Error) => void }[] = []

  batch(operations: WriteOp[], { sync }: { sync: boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      const keys = operations.map(({ key }) => key.toString())
      this.batches.push({ keys, sync, end: (error) => (error ? reject(error) : resolve()) })
    })
  }

  getSync(): undefined {}
  iterator = () => ({ nextv: () => Promise.resolve([]), close: () => Promise.resolve() })
  async *keys(): AsyncGenerator<Buffer> {}
  close = () => Promise.resolve()

  /** The batch of this number, when it has begun. */
  async begun(index: number) {
    await until(() => index in this.batches)
    return this.batches[index]!
  }
}

void t.test('whether writes end can be asked without a write', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const written = database.write([put('a')])
  let answered = false
  const answer = database.writesEnded().then(() => (answered = true))
  const first = await level.begun(0)
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(answered, 'a disk that hangs gives no answer')
  first.end()
  await Promise.all([written, answer])
})

void t.test('one batch is under way; the next takes all that came meanwhile, in order', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const ended: string[] = []
  const write = (key: string) => database.write([put(key)]).then(() => ended.push(key))
  const all = [write('a')]
  const first = await level.begun(0)
  all.push(write('b'), write('c'))
  t.same(ended, [], 'nobody is told before the batch is durable')
  first.end()
  const second = await level.begun(1)
  t.same(ended, ['a'])
  t.same(second.keys, ['b', 'c'])
  second.end()
  await Promise.all(all)
  t.same(ended, ['a', 'b', 'c'])
})

void t.test('a batch is synced when any of its writes asks for it', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const lazy = database.write([put('lazy')], { sync: false })
  const first = await level.begun(0)
  t.equal(first.sync, false)
  const rest = [database.write([put('b')], { sync: false }), database.write([put('c')])]
  first.end()
  const second = await level.begun(1)
  t.equal(second.sync, true)
  second.end()
  await Promise.all([lazy, ...rest])
})

void t.test('large writes are not put into one batch', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const value = Buffer.alloc(5 * 1024 * 1024)
  const writes = ['a', 'b'].map((key) => database.write([{ type: 'put', key: Buffer.from(key), value }]))
  const first = await level.begun(0)
  t.same(first.keys, ['a'])
  first.end()
  const second = await level.begun(1)
  second.end()
  await Promise.all(writes)
})

void t.test('what waits is bounded', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const value = Buffer.alloc(8 * 1024 * 1024)
  const write = () => database.write([{ type: 'put', key: Buffer.from('k'), value }])
  const taken = [write()]
  await level.begun(0)
  for (let i = 0; i < 8; i++) taken.push(write())
  await t.rejects(write(), { code: 'PEER_BUSY' })
  for (let i = 0; i < taken.length; i++) (await level.begun(i)).end()
  await Promise.all(taken)
})

void t.test('the first failed write ends all writing', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const failing = database.write([put('a')])
  const first = await level.begun(0)
  const waiting = database.write([put('b')])
  first.end(new Error('No space left on device'))
  await t.rejects(failing, { code: 'STORE_NOT_WRITABLE', message: /No space left/ })
  await t.rejects(waiting, { code: 'STORE_NOT_WRITABLE' })
  await t.rejects(database.write([put('c')]), { code: 'STORE_NOT_WRITABLE' })
  t.throws(() => database.assertWritable(), { code: 'STORE_NOT_WRITABLE' })
  t.match(database.failure, { code: 'STORE_NOT_WRITABLE' })
  t.equal(level.batches.length, 1, 'nothing reached the database any more')
})

/** What was given to `batch` is on `disk`, whatever it answers; only what succeeded is shown. */
class LyingLevel implements LevelHandle {
  readonly disk: Map<string, string>
  readonly #shown: Map<string, string>
  failsWith: Error | null = null

  constructor(disk: Map<string, string>) {
    this.disk = disk
    this.#shown = new Map(disk)
  }

  async batch(operations: WriteOp[]): Promise<void> {
    for (const rows of this.failsWith ? [this.disk] : [this.disk, this.#shown])
      for (const op of operations)
        if (op.type === 'put') rows.set(op.key.toString(), op.value.toString())
        else rows.delete(op.key.toString())
    if (this.failsWith) throw this.failsWith
  }

  getSync(key: Buffer): Buffer | undefined {
    const value = this.#shown.get(key.toString())
    return value === undefined ? undefined : Buffer.from(value)
  }

  iterator = () => ({ nextv: () => Promise.resolve([]), close: () => Promise.resolve() })
  async *keys(): AsyncGenerator<Buffer> {}
  close = () => Promise.resolve()
}

void t.test('after a failed write it is opened again, and is as before that write', async (t) => {
  const disk = new Map<string, string>()
  const levels = [new LyingLevel(disk)]
  const state = { opens: true }
  const openAgain = async () => {
    if (!state.opens) throw new Error('Read-only file system')
    levels.push(new LyingLevel(disk))
    return levels.at(-1)!
  }
  const database = new Database(levels[0]!, { openAgain, onClose() {} })
  let failures = 0
  database.onFailed(() => failures++)
  await database.write([put('kept', 'old'), put('doomed')])
  levels[0]!.failsWith = new Error('Input/output error')
  const failing = database.write([
    put('kept', 'new'),
    put('added'),
    { type: 'del', key: Buffer.from('doomed') },
  ])
  await t.rejects(failing, { code: 'STORE_NOT_WRITABLE' })
  t.equal(failures, 1)
  t.equal(disk.get('kept'), 'new', 'the failed write has reached the disk')
  t.equal(database.get(Buffer.from('kept'))?.toString(), 'old', 'nobody was told so')

  state.opens = false
  await t.rejects(database.reopen(), { message: /Read-only/ })
  await t.rejects(database.write([put('b')]), { code: 'STORE_NOT_WRITABLE' })
  state.opens = true
  await database.reopen()
  t.equal(database.failure, null)
  t.strictSame(Object.fromEntries(disk), { doomed: 'doomed', kept: 'old' })
  await database.write([put('b')])
  t.equal(database.get(Buffer.from('b'))?.toString(), 'b')
})

void t.test('a write that succeeded while another sync of its disk failed is not believed', async (t) => {
  const path = join(t.testdir(), 'db')
  await mkdir(path)
  const database = await Database.open(path, { createIfMissing: true })
  t.teardown(() => database.close())
  await database.write([put('kept', 'old'), put('doomed')])
  const disk = await SyncFailures.of(path)
  const writing = database.write([
    put('kept', 'new'),
    put('added'),
    { type: 'del', key: Buffer.from('doomed') },
  ])
  // The batch has begun, and no callback of LevelDB's thread can have come.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  disk.note()
  await t.rejects(writing, { code: 'STORE_NOT_WRITABLE', message: /another sync on the same disk failed/ })
  await t.rejects(database.write([put('b')]), { code: 'STORE_NOT_WRITABLE' })
  await database.reopen()
  const shown = ['kept', 'doomed', 'added'].map((key) => database.get(Buffer.from(key))?.toString())
  t.strictSame(shown, ['old', 'doomed', undefined], 'nobody was told of it, so it is as before')
  await database.write([put('b')])
})

void t.test(
  'its own failed write is told to all who share the disk; what needs no sync is left alone',
  async (t) => {
    const level = new HeldLevel()
    const disk = new SyncFailures()
    const database = new Database(level, { disk })
    const lazy = database.write([put('lazy')], { sync: false })
    const first = await level.begun(0)
    disk.note()
    first.end()
    await lazy
    const count = disk.count
    const failing = database.write([put('a')])
    ;(await level.begun(1)).end(new Error('Input/output error'))
    await t.rejects(failing, { code: 'STORE_NOT_WRITABLE' })
    t.throws(() => disk.assertNoneSince(count), { code: 'STORE_NOT_WRITABLE' })
  },
)

void t.test('a database that is being opened again is not there for a moment', async (t) => {
  const path = join(t.testdir(), 'db')
  await mkdir(path)
  const database = await Database.open(path, { createIfMissing: true })
  await database.write([put('a'), put('b')])
  const pages = database.pages({ gte: Buffer.from('a'), lt: Buffer.from('c') })
  const reopening = database.reopen()
  t.throws(() => database.get(Buffer.from('a')), { code: 'STOPPING' })
  await t.rejects(pages.next(), { code: 'STOPPING' })
  await t.rejects(database.isEmpty(), { code: 'STOPPING' })
  await reopening
  t.equal(database.get(Buffer.from('a'))?.toString(), 'a')
  await database.close()
})

void t.test('records of its log that LevelDB leaves out are told', async (t) => {
  const path = join(t.testdir(), 'db')
  await mkdir(path)
  const database = await Database.open(path, { createIfMissing: true })
  await database.write([put('a', 'x'.repeat(1000))])
  await database.write([put('b', 'x'.repeat(1000))])
  await database.close()
  t.equal(database.hasLostRecords, false)
  const log = join(path, (await readdir(path)).find((name) => name.endsWith('.log')) ?? '')
  const bytes = await readFile(log)
  bytes.writeUInt8(bytes.readUInt8(500) ^ 1, 500)
  await writeFile(log, bytes)
  const again = await Database.open(path, { createIfMissing: false })
  t.equal(again.hasLostRecords, true)
  await again.close()
})

void t.test('closing lets writes end and refuses further ones', async (t) => {
  const level = new HeldLevel()
  const database = new Database(level)
  const writing = database.write([put('a')])
  const closing = database.close()
  await t.rejects(database.write([put('b')]), { code: 'STOPPING' })
  ;(await level.begun(0)).end()
  await Promise.all([writing, closing])
})

void t.test('a closed path can be opened again; an open one cannot', async (t) => {
  const path = join(t.testdir(), 'db')
  await mkdir(path)
  const database = await Database.open(path, { createIfMissing: true })
  await database.write([put('a', 'value')])
  await t.rejects(Database.open(path, { createIfMissing: false }), { code: 'STORE_OPEN_TWICE' })
  await database.close()
  t.throws(() => database.get(Buffer.from('a')), { code: 'STOPPING' })
  const again = await Database.open(path, { createIfMissing: false })
  t.equal(again.get(Buffer.from('a'))?.toString(), 'value')
  await again.close()
})

void t.test('a lost CURRENT file is an error, not a new empty database', async (t) => {
  const path = join(t.testdir(), 'db')
  await mkdir(path)
  const database = await Database.open(path, { createIfMissing: true })
  await database.write([put('a')])
  await database.close()
  await rm(join(path, 'CURRENT'))
  const before = await readdir(path)
  await t.rejects(Database.open(path, { createIfMissing: false }), { code: 'DATABASE_UNREADABLE' })
  t.same(
    (await readdir(path)).filter((file) => /\.(log|ldb)$/.test(file)),
    before.filter((file) => /\.(log|ldb)$/.test(file)),
  )
  await t.rejects(Database.open(join(path, 'gone'), { createIfMissing: false }), {
    code: 'DATABASE_UNREADABLE',
  })
})
