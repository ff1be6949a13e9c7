/** The bulk plane between simulated nodes: requests that are lost, late, or answered to nobody. */
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ClusterError, toError } from '../../../cluster/errors.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { BulkPeer } from '../../../cluster/transfer/bulk-port.ts'
import { ChunkBuffer } from '../../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash, LocalChunks, UploadId } from '../../../cluster/transfer/local-chunks.ts'
import type { SimHost } from '../world/sim-host.ts'
import type { SimNetwork } from '../world/sim-network.ts'

/** The life that a node has now. */
export interface BulkTarget {
  host: SimHost
  chunks: LocalChunks
}

export interface SimBulkComponents {
  host: SimHost
  network: SimNetwork
  targetOf: (id: NodeId) => BulkTarget | undefined
}

/** As BulkClient's. */
const STALL_MS = 2000
/** A record of one block: more than any chunk of these images. */
const SMALL_SLOT_BYTES = 4096

export class SimBulk implements BulkPeer {
  readonly #components: SimBulkComponents

  constructor(components: SimBulkComponents) {
    this.#components = components
  }

  async getChunk(from: NodeId, hash: ChunkHash, into: ChunkBuffer, signal?: AbortSignal): Promise<void> {
    const bytes = await this.#ask(from, signal, async (chunks) => {
      const buffer = smallBuffer()
      await chunks.read(hash, buffer)
      return Buffer.from(buffer.payload)
    })
    into.length = bytes.copy(into.room)
    if (contentHashHex(into.payload) !== hash) throw new ClusterError('CHUNK_DAMAGED', 'other bytes')
  }

  putChunk(
    to: NodeId,
    hash: ChunkHash,
    payload: Buffer,
    pin: UploadId | null,
    signal?: AbortSignal,
  ): Promise<void> {
    const buffer = smallBuffer(payload)
    return this.#ask(to, signal, (chunks) => chunks.put(hash, buffer, pin))
  }

  have(at: NodeId, hashes: readonly ChunkHash[], pin: UploadId, signal?: AbortSignal): Promise<boolean[]> {
    return this.#ask(at, signal, (chunks) => chunks.have(hashes, pin))
  }

  unpin(at: NodeId, upload: UploadId): Promise<void> {
    return this.#ask(at, undefined, (chunks) => chunks.unpin(upload))
  }

  addReferences(
    at: NodeId,
    root: ChunkHash,
    hashes: readonly ChunkHash[],
    signal?: AbortSignal,
  ): Promise<ChunkHash[]> {
    return this.#ask(at, signal, (chunks) => chunks.addReferences(root, hashes))
  }

  #ask<T>(to: NodeId, signal: AbortSignal | undefined, act: (chunks: LocalChunks) => Promise<T>): Promise<T> {
    const { host, network, targetOf } = this.#components
    return new Promise((resolve, reject) => {
      const cancel = host.clock.after(STALL_MS, () => reject(new ClusterError('RPC_TIMEOUT', 'no answer')))
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      const answer = (settle: () => void) =>
        network.carry(to, host.id, () =>
          host.run(() => {
            cancel()
            settle()
          }),
        )
      network.carry(host.id, to, () => {
        const target = targetOf(to)
        if (!target) return answer(() => reject(new ClusterError('PEER_UNREACHABLE', 'it is down')))
        target.host.run(() => {
          void act(target.chunks).then(
            (value) => target.host.alive && answer(() => resolve(value)),
            (error: unknown) => target.host.alive && answer(() => reject(toError(error))),
          )
        })
      })
    })
  }
}

/** Outside any pool: a slot of one is four MiB. */
export function smallBuffer(payload: Uint8Array = Buffer.of()): ChunkBuffer {
  const buffer = new ChunkBuffer(Buffer.alloc(SMALL_SLOT_BYTES), () => {})
  buffer.room.set(payload)
  buffer.length = payload.length
  return buffer
}
