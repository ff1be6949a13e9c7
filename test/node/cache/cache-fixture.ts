/** An image cache in a directory of its own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { ChunkBufferPool, SLOT_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { inlineHasher } from '../../../cluster/transfer/chunk-hasher.ts'
import type { CacheHead } from '../../../node/cache/cache-file.ts'
import {
  ImageCache,
  type ImageCacheComponents,
  type ImageCacheOptions,
} from '../../../node/cache/image-cache.ts'
import type { OpenImage } from '../../../node/data/open-image.ts'

export const MIB = 1024 ** 2

export interface CacheHome {
  directory: string
  pool: ChunkBufferPool
  /** Another start over the same files. */
  open(options?: Partial<ImageCacheOptions>, components?: Partial<ImageCacheComponents>): Promise<ImageCache>
  files(folder: 'images' | 'incomplete' | 'queue'): Promise<string[]>
}

export async function cacheHome(t: Test): Promise<CacheHome> {
  const directory = await mkdtemp(join(tmpdir(), 'serac-cache-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const pool = new ChunkBufferPool(8 * SLOT_BYTES)
  const base = { clock: systemClock, log: silentLog, hasher: inlineHasher, pool }
  const probe = async () => ({ freeBytes: 2 ** 40, totalBytes: 2 ** 41 })
  return {
    directory,
    pool,
    open: async (options = {}, components = {}) => {
      const cache = new ImageCache(
        { ...base, probe, ...components },
        { directory, bytesMax: 100 * MIB, freeBytesMin: 0, ...options },
      )
      await cache.start()
      return cache
    },
    files: (folder) => readdir(join(directory, 'serac-image-cache', folder)),
  }
}

export function headOf(bytes: Buffer, imageId = newId()): CacheHead {
  return { imageId, identity: `sha512:${bytes.length}`, sizeBytes: bytes.length }
}

export function newId(): string {
  const hex = randomBytes(16).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Fills it in uneven pieces. Answers why it is not there, or null. */
export async function fill(cache: ImageCache, head: CacheHead, bytes: Buffer): Promise<unknown> {
  const filling = cache.beginFill(head)
  if (!filling) return 'refused'
  for (let at = 0, step = 1; at < bytes.length; at += step, step = Math.min(step * 3, 700_001))
    await filling.write(bytes.subarray(at, at + step))
  return filling.finish()
}

export async function readAll(
  image: OpenImage,
  start = 0,
  end = image.sizeBytes - 1,
  signal = new AbortController().signal,
): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const lease of image.read(start, end, signal)) {
    pieces.push(Buffer.from(lease.bytes))
    lease.release()
  }
  return Buffer.concat(pieces)
}
