/** Reads back what lies in a back end, and says what it is: before the only other copy may go. */
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { ImageDigests } from './checksums.ts'
import { DigestTap } from './digest-tap.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import type { HashPool } from './hash-pool.ts'
import type { OutsideBytes } from './outside-bytes.ts'

export interface ObjectDigestsComponents {
  outside: Pick<OutsideBytes, 'open'>
  /** Shared with the uploads. */
  pool: Pick<ChunkBufferPool, 'acquire'>
  hashes: Pick<HashPool, 'open'>
}

export interface ObjectToRead {
  imageId: string
  object: StoredObject
  sizeBytes: number
  hashAlgorithm: HashAlgorithm
}

export class ObjectDigests {
  readonly #components: ObjectDigestsComponents

  constructor(components: ObjectDigestsComponents) {
    this.#components = components
  }

  /** Of the first `sizeBytes` bytes; hashed by the workers. Throws UNAVAILABLE when there are fewer; the signal's reason. */
  async of(
    { imageId, object, sizeBytes, hashAlgorithm }: ObjectToRead,
    signal: AbortSignal,
    onBytes: (count: number) => void = () => {},
  ): Promise<ImageDigests> {
    const { outside, pool, hashes } = this.#components
    const checksums = await hashes.open(signal, hashAlgorithm)
    const tap = new DigestTap({ pool, checksums }, signal)
    const image = outside.open({ imageId, places: [object], sizeBytes, multihash: null, md5: null })
    try {
      for await (const lease of image.read(0, sizeBytes - 1, signal)) {
        await tap.add(lease.bytes)
        onBytes(lease.bytes.length)
        lease.release()
      }
      return await tap.finish()
    } finally {
      await tap.close()
    }
  }
}
