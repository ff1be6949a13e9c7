/** What is on this node's disk of some images, chunk by chunk: for the map that operators look at. */
import { ClusterError } from '../../cluster/errors.ts'
import { isChunkHash } from '../../cluster/transfer/bulk-protocol.ts'
import type { Clock } from '../../cluster/runtime.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageSource } from '../data/image-reader.ts'
import { TimeSlice } from '../images/time-slice.ts'
import type { ChunkStore } from '../store/chunk-store.ts'
import { ASK_TIMEOUT_MS } from './status-questions.ts'

/**
 * full: all of it is here. corrupt: something of it was found damaged and is not healed yet. partial: some chunks are here;
 * without `chunks`: they could not be counted in time. missing: nothing of its bytes is here.
 */
export interface CopyState {
  state: 'full' | 'partial' | 'missing' | 'corrupt'
  /** Of the manifest and everything below it, each as often as it occurs. */
  chunks: { present: number; damaged: number; total: number } | null
}

export interface CopyInspectionComponents {
  clock: Pick<Clock, 'monotonicMs'>
  chunks: Pick<ChunkStore, 'isHeld' | 'has' | 'isDamaged' | 'isReferenced'>
  holder: Pick<ImageHolder, 'steps'>
}

/** One page of the map. */
export const INSPECTED_MAX = 100
/** Of one question: some 100 GiB of images that are not whole. */
const CHUNKS_MAX = 25_000
const HASHES_PER_STEP = 256
/** The answer has to travel, too. */
const INSPECTION_MS = ASK_TIMEOUT_MS / 2

export class CopyInspection {
  readonly #components: CopyInspectionComponents

  constructor(components: CopyInspectionComponents) {
    this.#components = components
  }

  /** In the order of the sources. What was not looked at within half of the deadline is not counted. */
  async inspect(sources: readonly ImageSource[]): Promise<CopyState[]> {
    const signal = AbortSignal.timeout(INSPECTION_MS)
    const budget = { chunks: CHUNKS_MAX }
    const states: CopyState[] = []
    for (const source of sources) states.push(await this.#inspectOne(source, budget, signal))
    return states
  }

  async #inspectOne(
    source: ImageSource,
    budget: { chunks: number },
    signal: AbortSignal,
  ): Promise<CopyState> {
    const { chunks } = this.#components
    const { root } = source
    if (chunks.isHeld(root)) return { state: 'full', chunks: null }
    // Its manifest is damaged: which chunks it has cannot be read here.
    if (chunks.isDamaged(root)) return { state: 'corrupt', chunks: null }
    if (!chunks.isReferenced(root, root)) return { state: 'missing', chunks: null }
    const counts = await this.#count(source, budget, signal).catch(() => null)
    if (!counts) return { state: 'partial', chunks: null }
    const { damaged, present } = counts
    // The manifest alone is no byte of the image.
    const state = damaged > 0 ? 'corrupt' : present === 1 ? 'missing' : 'partial'
    return { state, chunks: counts }
  }

  /** Rejects when there are too many, or too late. */
  async #count(source: ImageSource, budget: { chunks: number }, signal: AbortSignal) {
    const { chunks, holder, clock } = this.#components
    const slice = new TimeSlice(() => clock.monotonicMs())
    const counts = { present: 1, damaged: 0, total: 1 }
    for await (const hashes of holder.steps(source, HASHES_PER_STEP, signal)) {
      budget.chunks -= hashes.length
      if (budget.chunks < 0) throw new Error('too many chunks to count them all')
      for (const hash of hashes) {
        counts.total++
        if (chunks.isDamaged(hash)) counts.damaged++
        else if (chunks.has(hash)) counts.present++
      }
      if (slice.isOver()) await slice.pause()
      signal.throwIfAborted()
    }
    return counts
  }
}

/** Throws BAD_FRAME. */
export function decodeSources(value: unknown): ImageSource[] {
  if (!Array.isArray(value) || value.length > INSPECTED_MAX || !value.every(isSource))
    throw new ClusterError('BAD_FRAME', 'a question for copies is malformed')
  return value
}

function isSource(value: unknown): value is ImageSource {
  const { imageId, root, copies } = (value ?? {}) as Partial<ImageSource>
  return typeof imageId === 'string' && isChunkHash(root) && (copies === null || Number.isInteger(copies))
}

/** Throws BAD_FRAME. */
export function decodeCopyStates(value: unknown, count: number): CopyState[] {
  if (!Array.isArray(value) || value.length !== count || !value.every(isCopyState))
    throw new ClusterError('BAD_FRAME', 'the copies of a node are malformed')
  return value
}

function isCopyState(value: unknown): value is CopyState {
  const { state, chunks } = (value ?? {}) as Partial<CopyState>
  if (!['full', 'partial', 'missing', 'corrupt'].includes(state ?? '')) return false
  return chunks === null || [chunks?.present, chunks?.damaged, chunks?.total].every(Number.isInteger)
}
