/** A bulk plane without sockets: nodes are MemoryChunks by name, and each can be made to fail or to hang. */
import { ClusterError } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { type Clock, sleep, systemClock } from '../../cluster/runtime.ts'
import type { BulkPeer } from '../../cluster/transfer/bulk-port.ts'
import { ChunkBuffer, SLOT_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import type { LifeSign } from '../../cluster/transfer/life-sign.ts'
import type { ChunkHash, UploadId } from '../../cluster/transfer/local-chunks.ts'
import { MemoryChunks } from './memory-chunks.ts'

/** dead: refuses at once; hung: answers nothing until its caller gives up; slow: takes its time, but shows life. */
export type PeerState = 'alive' | 'dead' | 'hung' | 'slow'

const SLOW_STEPS = 20
const SLOW_STEP_MS = 5

export interface MemoryBulkOptions {
  stallMs?: number
  clock?: Clock
}

export class MemoryBulk implements BulkPeer {
  readonly nodes = new Map<NodeId, MemoryChunks>()
  readonly states = new Map<NodeId, PeerState>()
  /** `method node`, in order. */
  readonly calls: string[] = []
  readonly #stallMs: number
  readonly #clock: Clock

  constructor(ids: readonly NodeId[], options: MemoryBulkOptions = {}) {
    for (const id of ids) this.nodes.set(id, new MemoryChunks())
    this.#stallMs = options.stallMs ?? 20
    this.#clock = options.clock ?? systemClock
  }

  at(id: NodeId): MemoryChunks {
    const node = this.nodes.get(id)
    if (!node) throw new Error(`no node ${id}`)
    return node
  }

  async getChunk(
    from: NodeId,
    hash: ChunkHash,
    into: ChunkBuffer,
    signal?: AbortSignal,
    sign?: LifeSign,
  ): Promise<void> {
    await this.#reach('get', from, signal)
    for (let step = 0; this.states.get(from) === 'slow' && step < SLOW_STEPS; step++) {
      await sleep(this.#clock, SLOW_STEP_MS)
      sign?.note()
    }
    await this.at(from).read(hash, into)
  }

  async putChunk(to: NodeId, hash: ChunkHash, payload: Buffer, pin: UploadId | null): Promise<void> {
    await this.#reach('put', to)
    const buffer = new ChunkBuffer(Buffer.alloc(SLOT_BYTES), () => {})
    buffer.length = payload.copy(buffer.room)
    await this.at(to).put(hash, buffer, pin)
  }

  async have(at: NodeId, hashes: readonly ChunkHash[], pin: UploadId): Promise<boolean[]> {
    await this.#reach('have', at)
    return this.at(at).have(hashes, pin)
  }

  async unpin(at: NodeId, upload: UploadId): Promise<void> {
    await this.#reach('unpin', at)
    await this.at(at).unpin(upload)
  }

  async addReferences(at: NodeId, root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]> {
    await this.#reach('references', at)
    return this.at(at).addReferences(root, hashes)
  }

  async #reach(method: string, node: NodeId, signal?: AbortSignal): Promise<void> {
    this.calls.push(`${method} ${node}`)
    const state = this.states.get(node) ?? 'alive'
    if (state === 'dead') throw new ClusterError('PEER_UNREACHABLE', 'the peer is dead', { node })
    if (state === 'hung') await stalled(this.#clock, this.#stallMs, signal)
  }
}

/** Rejects as the real client does: when the stall is noticed, or when the caller aborts. */
function stalled(clock: Clock, stallMs: number, signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = clock.after(stallMs, () =>
      reject(new ClusterError('RPC_TIMEOUT', 'the peer makes no progress')),
    )
    signal?.addEventListener('abort', () => {
      cancel()
      reject(signal.reason as Error)
    })
  })
}
