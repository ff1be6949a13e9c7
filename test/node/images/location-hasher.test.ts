import { createHash } from 'node:crypto'
import t from 'tap'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { ChunkBufferPool } from '../../../cluster/transfer/chunk-buffer.ts'
import { HashPool } from '../../../node/data/hash-pool.ts'
import { ImageError } from '../../../node/errors.ts'
import { LocationHasher } from '../../../node/images/location-hasher.ts'
import { ID, imageOf, NOW } from './image-fixture.ts'
import { toldLocationTask } from '../../helpers/told-location-task.ts'
import { MemoryRegisters } from './memory-registers.ts'
import { StoreList } from '../../../node/images/store-list.ts'

/** More than one slot holds. */
const BYTES = Buffer.alloc(4 * 1024 * 1024 + 1000, 'image bytes ')
const md5 = createHash('md5').update(BYTES).digest('hex')
const sha512 = createHash('sha512').update(BYTES).digest('hex')
const hashing = {
  hashId: 'h1',
  node: 'node-a',
  startNonce: '1'.repeat(16),
  hashAlgo: 'sha512' as const,
  expected: null,
}

const hashes = new HashPool({ clock: systemClock, log: silentLog }, { threads: 1 })
hashes.start()
t.teardown(() => hashes.stop())

async function* pieces(signal: AbortSignal, { endless = false, failure = null as Error | null } = {}) {
  for (let at = 0; at < BYTES.length; at += 65_536)
    yield { bytes: BYTES.subarray(at, at + 65_536), release() {} }
  if (failure) throw failure
  if (!endless) return
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    signal.throwIfAborted()
  }
}

function hasherOf(behaviour: Parameters<typeof pieces>[1] = {}) {
  const registers = new MemoryRegisters()
  const pool = new ChunkBufferPool(0)
  const outside = {
    open: ({ sizeBytes }: { sizeBytes: number }) => ({
      sizeBytes,
      read: (_start: number, _end: number, signal: AbortSignal) => pieces(signal, behaviour),
    }),
  }
  const stores = new StoreList({ clusterId: 'cluster', isHttpOn: true })
  const base = { clock: systemClock, log: silentLog, registers: registers.images }
  const parts = { ...base, outside, stores, hashes, pool }
  const hasher = new LocationHasher(parts)
  const image = imageOf({
    status: 'active',
    size: BYTES.length,
    locations: [{ url: 'http://a/', metadata: {} }],
    hashing,
  })
  registers.put(image)
  return { hasher, registers, image, pool, task: toldLocationTask('h1') }
}

async function ended({ hasher }: ReturnType<typeof hasherOf>): Promise<void> {
  while (hasher.isRunning('h1')) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('the digests of all bytes become those of the image', async (t) => {
  const parts = hasherOf()
  parts.hasher.begin(ID, parts.task, Promise.resolve(parts.image))
  t.ok(parts.hasher.isRunning('h1'))
  await ended(parts)
  t.match(parts.registers.record(ID), { checksum: md5, hashAlgo: 'sha512', hashValue: sha512 })
  t.notOk(parts.registers.record(ID)?.hashing)
  t.strictSame(parts.task.told, ['begun', 'done'])
  t.equal(parts.pool.slotsInUse, 0)
})

t.test('by the algorithm that the caller named', async (t) => {
  const parts = hasherOf()
  const image = { ...parts.image, hashing: { ...hashing, hashAlgo: 'sha3_256' as const } }
  parts.registers.put(image)
  parts.hasher.begin(ID, parts.task, Promise.resolve(image))
  await ended(parts)
  const hashValue = createHash('sha3-256').update(BYTES).digest('hex')
  t.match(parts.registers.record(ID), { checksum: md5, hashAlgo: 'sha3_256', hashValue })
})

t.test('what cannot be read is given up, and the image waits no longer', async (t) => {
  const parts = hasherOf({ failure: new ImageError('UNAVAILABLE', 'away') })
  parts.hasher.begin(ID, parts.task, Promise.resolve(parts.image))
  await ended(parts)
  t.match(parts.registers.record(ID), { status: 'active', hashValue: null })
  t.strictSame(parts.registers.calls, ['image.abort-hash'])
  t.strictSame(parts.task.told, ['begun', 'done'], 'it has its location')
  t.equal(parts.pool.slotsInUse, 0)
})

t.test('an image that is deleted, or waits for others, ends the computation', async (t) => {
  for (const changed of [
    null,
    imageOf({ status: 'pending_delete', hashing }),
    imageOf({ status: 'active', hashing: { ...hashing, hashId: 'h2' } }),
  ]) {
    const parts = hasherOf({ endless: true })
    parts.hasher.begin(ID, parts.task, Promise.resolve(parts.image))
    parts.hasher.noteChanged(ID, parts.image)
    parts.hasher.noteChanged('another', null)
    t.ok(parts.hasher.isRunning('h1'))
    parts.hasher.noteChanged(ID, changed)
    await ended(parts)
    t.strictSame(parts.registers.calls, [])
    t.match(parts.task.told, ['begun', /^The image was deleted/])
    t.equal(parts.pool.slotsInUse, 0)
  }
})

t.test('a request that was refused begins nothing; one whose fate is unknown is ended', async (t) => {
  const refused = hasherOf()
  refused.hasher.begin(ID, refused.task, Promise.reject(new ImageError('CONFLICT', 'not queued')))
  await ended(refused)
  t.strictSame(refused.registers.calls, [])
  t.strictSame(refused.task.told, [], 'its task is gone')
  const unknown = hasherOf()
  unknown.hasher.begin(ID, unknown.task, Promise.reject(new Error('the outcome is unknown')))
  await ended(unknown)
  t.strictSame(unknown.registers.calls, ['image.abort-hash'])
  t.strictSame(unknown.task.told, [], 'its task is for the reaper')
})

t.test('a node that stops leaves no image waiting', async (t) => {
  const parts = hasherOf({ endless: true })
  const waiting = { ...parts.image, status: 'importing' as const, hashing: { ...hashing, expected: sha512 } }
  parts.registers.put(waiting)
  parts.hasher.begin(ID, parts.task, Promise.resolve(waiting))
  await new Promise((resolve) => setTimeout(resolve, 20))
  await parts.hasher.stop()
  t.match(parts.registers.record(ID), { status: 'queued', createdAt: NOW, size: null })
  t.match(parts.task.told, ['begun', /could not be read/])
})

t.test('an image without digests to compute has its location at once', async (t) => {
  const parts = hasherOf()
  const image = imageOf({ status: 'active' })
  parts.hasher.begin(ID, parts.task, Promise.resolve(image))
  await ended(parts)
  t.strictSame(parts.registers.calls, [])
  t.strictSame(parts.task.told, ['begun', 'done'])
})

t.test('bytes that are not what was said of them fail the task', async (t) => {
  const parts = hasherOf()
  const waiting = {
    ...parts.image,
    status: 'importing' as const,
    hashing: { ...hashing, expected: '00'.repeat(64) },
  }
  parts.registers.put(waiting)
  parts.hasher.begin(ID, parts.task, Promise.resolve(waiting))
  await ended(parts)
  t.match(parts.registers.record(ID), { status: 'queued' })
  t.match(parts.task.told, ['begun', /not what validation_data says/])
})
