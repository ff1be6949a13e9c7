/** Back ends in memory, for tests of what lies above them. */
import { createHash } from 'node:crypto'
import { BackendError, lastPartOf, type Backend, type ObjectRange } from '../../node/backends/backend.ts'
import { Backends } from '../../node/backends/backends.ts'
import { BackendWriter } from '../../node/data/backend-writer.ts'
import type { ChunkBuffer } from '../../cluster/transfer/chunk-buffer.ts'
import { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ImageChecksums } from '../../node/data/checksums.ts'
import type { HashAlgorithm } from '../../node/data/hash-algorithms.ts'
import { loopDigest } from './loop-digest.ts'

export class MemoryBackend implements Backend {
  readonly properties = {}
  readonly objects = new Map<string, Buffer>()
  /** Names of objects that something stands on. */
  readonly inUse = new Set<string>()
  readonly #id: string
  /** What every request ends with; null: it works. */
  failure: BackendError | null = null
  /** How much of a body it takes before `failure` counts, bytes. */
  takesBytes = 0

  constructor(id: string) {
    this.#id = id
  }

  fail(): void {
    this.failure = new BackendError('BACKEND_UNAVAILABLE', `The store ${this.#id} does not answer.`)
  }

  urlOf(name: string): string {
    return `memory://${this.#id}/${name}`
  }

  nameOf(url: string): string {
    return lastPartOf(url)
  }

  async put(name: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    const pieces: Uint8Array[] = []
    let sizeBytes = 0
    for await (const piece of body) {
      if (this.failure && sizeBytes >= this.takesBytes) throw this.failure
      pieces.push(Buffer.from(piece))
      sizeBytes += piece.length
    }
    this.objects.set(name, Buffer.concat(pieces))
    return sizeBytes
  }

  async *open(name: string, { start, end }: ObjectRange): AsyncGenerator<Uint8Array> {
    const bytes = this.objects.get(name)
    if (!bytes) throw new BackendError('BACKEND_NOT_FOUND', 'There is no such object.')
    for (let at = start; at <= end && at < bytes.length; at += 2) {
      if (this.failure && at >= this.takesBytes) throw this.failure
      yield bytes.subarray(at, Math.min(at + 2, end + 1))
    }
  }

  async delete(name: string): Promise<void> {
    if (this.failure) throw this.failure
    if (this.inUse.has(name)) throw new BackendError('BACKEND_IN_USE', `The store ${this.#id} keeps it.`)
    this.objects.delete(name)
  }

  async isInUse(name: string): Promise<boolean> {
    if (this.failure) throw this.failure
    return this.inUse.has(name)
  }

  async close(): Promise<void> {}
}

export function memoryBackends(...ids: string[]) {
  const each = new Map(ids.map((id) => [id, new MemoryBackend(id)]))
  const backends = new Backends(each)
  const pool = new ChunkBufferPool(0)
  const open = async (_signal?: AbortSignal, algorithm?: HashAlgorithm) => checksums(algorithm)
  const hashes = { open, digest: loopDigest }
  const backendWriter = new BackendWriter({ backends, pool, hashes })
  return { each, backends, backendWriter, pool, hashes, gate: { require: async () => {} } }
}

/** For nodes that have none. */
export function noBackends() {
  const { backends, backendWriter, gate } = memoryBackends()
  return { backends, backendWriter, gate }
}

function checksums(algorithm: HashAlgorithm = 'sha512'): ImageChecksums {
  const [md5, multihash] = [createHash('md5'), createHash(algorithm)]
  const made = {
    update({ payload }: ChunkBuffer) {
      md5.update(payload)
      multihash.update(payload)
      return { named: Promise.resolve(null), done: Promise.resolve() }
    },
    finish: async () => ({ md5: md5.digest('hex'), multihash: multihash.digest('hex') }),
    close() {},
  }
  return made as unknown as ImageChecksums
}
