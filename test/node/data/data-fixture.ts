/** A writer and a reader over one node of a memory cluster, and bodies for them. */
import { createHash } from 'node:crypto'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { ChunkBufferPool, SLOT_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { HashPool } from '../../../node/data/hash-pool.ts'
import { ImageReader } from '../../../node/data/image-reader.ts'
import { ImageWriter, type UploadRequest } from '../../../node/data/image-writer.ts'
import { transferOf, UPLOAD } from '../../cluster/transfer/transfer-fixture.ts'

export { UPLOAD }
/** Among a, b and c it is placed in the order b, a, c: an upload at a uses a, then b. */
export const IMAGE = '7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d10'

export interface DataFixtureOptions {
  chunkSizeBytes?: number
  hashes?: HashPool
}

/** `ids[0]` is the node under test. The caller stops `hashes`. */
export function dataNodeOf(ids: readonly NodeId[], { chunkSizeBytes, hashes }: DataFixtureOptions = {}) {
  const transfer = transferOf(ids)
  const uploads = new ChunkBufferPool(16 * SLOT_BYTES)
  const pool = hashes ?? new HashPool({ clock: systemClock, log: silentLog }, { threads: 2 })
  pool.start()
  const writer = new ImageWriter(
    { ...transfer, pool: uploads, hashes: pool, clock: systemClock, log: silentLog },
    chunkSizeBytes === undefined ? {} : { chunkSizeBytes },
  )
  const reader = new ImageReader(transfer)
  return { ...transfer, uploads, hashes: pool, writer, reader }
}

export function requestOf(fields: Partial<UploadRequest> = {}): UploadRequest {
  const { signal } = new AbortController()
  return {
    imageId: IMAGE,
    upload: UPLOAD,
    copies: null,
    sizeBytesMax: 2 ** 40,
    declaredSizeBytes: null,
    signal,
    ...fields,
  }
}

/** Bytes of which no two chunks are alike and none is all zeros. */
export function patternOf(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, 0xa5)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at)
  return bytes
}

/** As a socket would deliver them. */
export async function* piecesOf(bytes: Buffer, pieceBytes = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    yield bytes.subarray(at, at + pieceBytes)
    await Promise.resolve()
  }
}

export function digestsOf(bytes: Buffer) {
  const hex = (name: string) => createHash(name).update(bytes).digest('hex')
  return { md5: hex('md5'), multihash: hex('sha512') }
}
