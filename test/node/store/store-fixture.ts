/** Stores in temporary directories, closed when the test ends. */
import { join } from 'node:path'
import { Level } from 'level'
import type { Test } from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { silentLog, systemClock, systemRandom } from '../../../cluster/runtime.ts'
import { ChunkBufferPool, SLOT_BYTES, type ChunkBuffer } from '../../../cluster/transfer/chunk-buffer.ts'
import { inlineHasher } from '../../../cluster/transfer/chunk-hasher.ts'
import type { ChunkHash } from '../../../cluster/transfer/local-chunks.ts'
import { Store, type StoreComponents, type StoreOptions } from '../../../node/store/store.ts'

export const ROOT = 'cd'.repeat(32)
export const OTHER_ROOT = 'ef'.repeat(32)
/** Two records of a small chunk. */
export const TINY_SEGMENT = { segmentBytesMax: 8192 }

export function segmentPath(directory: string, number = 1): string {
  return join(directory, 'seg', `${String(number).padStart(8, '0')}.seg`)
}

export const NODE_ID = '12D3KooWTestNode'
export const UPLOAD = 'ab'.repeat(16)

/** Shared by the tests of one process: slots are expensive to make. */
export const pool = new ChunkBufferPool(8 * SLOT_BYTES)
const storeBuffers = new ChunkBufferPool(4 * SLOT_BYTES)

export type Overrides = Partial<StoreOptions> &
  Partial<Pick<StoreComponents, 'clock' | 'spaceProbe' | 'log' | 'scan'>>

export function openStore(
  directory: string,
  { clock, spaceProbe, log, scan, ...options }: Overrides = {},
): Promise<Store> {
  const components = {
    clock: clock ?? systemClock,
    random: systemRandom,
    log: log ?? silentLog,
    hasher: inlineHasher,
    buffers: storeBuffers,
  }
  return Store.open(
    { ...components, ...(spaceProbe && { spaceProbe }), ...(scan && { scan }) },
    { directory, nodeId: NODE_ID, freeBytesMin: 0, ballastBytes: 4096, ...options },
  )
}

export async function openedStore(
  t: Test,
  overrides: Overrides = {},
): Promise<{ store: Store; directory: string }> {
  const directory = overrides.directory ?? t.testdir()
  const store = await openStore(directory, overrides)
  t.teardown(() => store.close())
  return { store, directory }
}

/** Changes stored bytes behind the back of a closed database; `change` gets a copy, null from it deletes. */
export async function tamper(
  directory: string,
  name: 'meta' | 'chunks',
  tag: number,
  change: (value: Buffer) => Buffer | null,
) {
  const level = new Level<Buffer, Buffer>(join(directory, name), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  try {
    for await (const [key, value] of level.iterator({ gte: Buffer.of(tag), lt: Buffer.of(tag + 1) })) {
      const changed = change(Buffer.from(value))
      await (changed ? level.put(key, changed) : level.del(key))
    }
  } finally {
    await level.close()
  }
}

/** Flips one bit near the end, where the payload is. */
export function flipBit(value: Buffer): Buffer {
  const last = value.length - 1
  value.writeUInt8(value.readUInt8(last) ^ 1, last)
  return value
}

/** A slot that holds `bytes`; released when the test ends. */
export async function slotOf(t: Test, bytes: Buffer): Promise<ChunkBuffer> {
  const slot = await pool.acquire()
  t.teardown(() => slot.release())
  bytes.copy(slot.room)
  slot.length = bytes.length
  return slot
}

export async function putBytes(store: Store, bytes: Buffer, pin: string | null = UPLOAD): Promise<ChunkHash> {
  const slot = await pool.acquire()
  try {
    bytes.copy(slot.room)
    slot.length = bytes.length
    const hash = contentHashHex(bytes)
    await store.chunks.put(hash, slot, pin)
    return hash
  } finally {
    slot.release()
  }
}

export async function readBytes(store: Store, hash: ChunkHash): Promise<Buffer> {
  const slot = await pool.acquire()
  try {
    await store.chunks.read(hash, slot)
    return Buffer.from(slot.payload)
  } finally {
    slot.release()
  }
}
