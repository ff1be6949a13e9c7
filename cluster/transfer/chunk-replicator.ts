/**
 * Stores an upload's chunks durably on W nodes, of the placement as far as they are there. One upload keeps to the same nodes, so
 * that each ends up with the whole image; a node that fails or hangs is replaced by the next in placement order.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Log } from '../runtime.ts'
import type { ChunkBuffer } from './chunk-buffer.ts'
import type { ChunkFetcher } from './chunk-fetcher.ts'
import type { ChunkHolders } from './chunk-holders.ts'
import type { ChunkHash, UploadId } from './local-chunks.ts'

export interface ChunkReplicatorComponents {
  holders: ChunkHolders
  fetcher: ChunkFetcher
  log: Log
}

export interface UploadPlan {
  upload: UploadId
  /** Every node that may be used, best first (see `writeOrder`): those of the placement, then those that stand in. */
  candidates: readonly NodeId[]
  /** W: copies that must be durable before the upload counts; fewer where there are fewer candidates. */
  copies: number
}

/** A node that failed once is asked again when no other is left: one dropped connection must not fail an upload. */
const FAILURES_MAX = 2

/** A peer that lacks so many chunks in a row, all of which this node holds, lacks the others, too: it is not asked any more. */
const HAVE_MISSES_MAX = 3

interface Place {
  readonly node: NodeId
  /** Chunks in a row that the node was asked for and did not hold. */
  misses: number
}

type Act = (target: NodeId, place: Place) => Promise<void>

export class ChunkReplicator {
  readonly #components: ChunkReplicatorComponents

  constructor(components: ChunkReplicatorComponents) {
    this.#components = components
  }

  begin(plan: UploadPlan): ReplicatedUpload {
    return new ReplicatedUpload(this.#components, plan)
  }
}

export class ReplicatedUpload {
  readonly #components: ChunkReplicatorComponents
  readonly #upload: UploadId
  readonly #candidates: readonly NodeId[]
  /** W places. A replacement is a new object, so that the failures of one outage are counted once. */
  readonly #places: Place[]
  readonly #failures = new Map<NodeId, number>()
  readonly #touched = new Set<NodeId>()

  constructor(components: ChunkReplicatorComponents, { upload, candidates, copies }: UploadPlan) {
    if (candidates.length === 0)
      throw new ClusterError('TOO_FEW_COPIES', 'no node of the cluster stores data')
    this.#components = components
    this.#upload = upload
    this.#candidates = candidates
    this.#places = candidates.slice(0, copies).map((node) => ({ node, misses: 0 }))
  }

  /** The nodes in use now; after `seal` each holds the whole image. */
  get targets(): NodeId[] {
    return this.#places.map(({ node }) => node)
  }

  /** Every node that may hold a pin of this upload. */
  get touched(): NodeId[] {
    return [...this.#touched]
  }

  /**
   * Resolves when the chunk is durable on every target. Throws TOO_FEW_COPIES; `buffer` is free again either way. A peer
   * is asked whether it has a chunk that this node has already: most likely from the same upload, which went to both.
   * What is new here costs no question.
   */
  store(hash: ChunkHash, buffer: ChunkBuffer): Promise<void> {
    const isKnown = this.#components.holders.hasLocally(hash)
    return this.#onEveryTarget(async (target, place) => {
      if (isKnown && (await this.#has(place, hash))) return
      await this.#components.holders.put(target, hash, buffer, this.#upload)
    })
  }

  /**
   * Writes the references of the finished image (`hashes`: every chunk and manifest page, the root included) on every
   * target and copies to it what it lacks because it came late. Resolves when each target holds the whole image.
   */
  seal(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<void> {
    return this.#onEveryTarget(async (target) => {
      for (const missing of await this.#components.holders.addReferences(target, root, hashes)) {
        await this.#copy(missing, target)
      }
    })
  }

  /** Ends the pins wherever one may be; failures are left to the reaper. Bounded by the peers' own time limits. */
  async unpin(): Promise<void> {
    await unpinAll(this.#components, this.#upload, this.touched)
  }

  async #copy(hash: ChunkHash, to: NodeId): Promise<void> {
    const lease = await this.#components.fetcher.fetch(hash, this.touched)
    try {
      await this.#components.holders.put(to, hash, lease.buffer, this.#upload)
    } finally {
      lease.release()
    }
  }

  async #has(place: Place, hash: ChunkHash): Promise<boolean> {
    const { holders } = this.#components
    if (place.node === holders.self || place.misses >= HAVE_MISSES_MAX) return false
    const [isHeld = false] = await holders.have(place.node, [hash], this.#upload)
    place.misses = isHeld ? 0 : place.misses + 1
    return isHeld
  }

  /** Runs `act` for every place, with a replacement where a node fails; waits for all of them. */
  async #onEveryTarget(act: Act): Promise<void> {
    const results = await Promise.allSettled(
      this.#places.map((place, index) => this.#atPlace(index, place, act)),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #atPlace(index: number, first: Place, act: Act): Promise<void> {
    for (let place = first; ; place = this.#places[index] ?? first) {
      this.#touched.add(place.node)
      try {
        return await act(place.node, place)
      } catch (error) {
        this.#replace(index, place, error)
      }
    }
  }

  /** Gives the place to the next candidate, unless another chunk in flight has done so already. */
  #replace(index: number, place: Place, error: unknown): void {
    if (this.#places[index] !== place) return
    const failed = place.node
    const failures = hasCode(error, 'STORE_FULL') ? FAILURES_MAX : (this.#failures.get(failed) ?? 0) + 1
    this.#failures.set(failed, failures)
    const next = this.#nextCandidate(place)
    this.#components.log.warn(
      { upload: this.#upload, failed, next, error },
      next === null ? 'too few nodes can store the upload' : 'a target of an upload is replaced',
    )
    if (next === null) throw this.#tooFewCopies(error)
    this.#places[index] = { node: next, misses: 0 }
  }

  /** The least failed of the nodes that hold no other place, in their order. */
  #nextCandidate(place: Place): NodeId | null {
    const taken = this.#places.filter((other) => other !== place).map(({ node }) => node)
    const failuresOf = (id: NodeId) => this.#failures.get(id) ?? 0
    const eligible = this.#candidates.filter((id) => !taken.includes(id) && failuresOf(id) < FAILURES_MAX)
    return eligible.sort((a, b) => failuresOf(a) - failuresOf(b))[0] ?? null
  }

  #tooFewCopies(cause: unknown): ClusterError {
    const failures = Object.fromEntries(this.#failures)
    return new ClusterError(
      'TOO_FEW_COPIES',
      'too few nodes could store the data durably',
      { wanted: this.#places.length, failures },
      cause,
    )
  }
}

/** Ends the pins of `upload` at `nodes`; what cannot be reached keeps them until its reaper looks. */
export async function unpinAll(
  { holders, log }: Pick<ChunkReplicatorComponents, 'holders' | 'log'>,
  upload: UploadId,
  nodes: readonly NodeId[],
): Promise<void> {
  const results = await Promise.allSettled(nodes.map((node) => holders.unpin(node, upload)))
  results.forEach((result, index) => {
    if (result.status === 'fulfilled') return
    log.info({ upload, at: nodes[index], error: result.reason as unknown }, 'pins are left to the reaper')
  })
}
