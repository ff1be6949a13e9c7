/**
 * Gives up this node's copy of an image that belongs elsewhere, when nothing can be lost by it: every node of the
 * placement holds the image, has just read all of it back, and all go by the same cluster config as this one. Copies
 * outside the placement never count, or two of them would be dropped for each other (architecture §4).
 *
 * Why no image can lose its last copy: say that copies are given up under several epochs. The nodes that vouched for the
 * one given up under the latest epoch are placed in it. They give nothing up in that epoch, and nobody does in a later one.
 */
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Random } from '../../cluster/runtime.ts'
import type { ChunkHash, UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { CopyQuestion } from './copy-questions.ts'
import type { ImageSource } from './image-reader.ts'
import type { TransferPace } from './transfer-pace.ts'

export interface MisplacedCopiesComponents {
  self: NodeId
  config: ConfigView
  random: Random
  pace: TransferPace
  /**
   * The nodes of the placement, in the config in force, of every live image that has these bytes, as a majority knows
   * them; nobody when there is none. Throws NO_QUORUM.
   */
  placedFor: (root: ChunkHash) => Promise<readonly NodeId[]>
  /** Whether a node holds the image, under the epoch it is asked under. Throws when it cannot be asked. */
  ask: (node: NodeId, question: CopyQuestion, signal: AbortSignal) => Promise<boolean>
  /** As ChunkHolders.have and unpin. */
  have: (
    at: NodeId,
    hashes: readonly ChunkHash[],
    pin: UploadId,
    signal: AbortSignal,
  ) => Promise<readonly boolean[]>
  unpin: (at: NodeId, pin: UploadId) => Promise<void>
  /** Every chunk and page below the root, some at a time. */
  steps: (source: ImageSource, countMax: number, signal: AbortSignal) => AsyncIterable<ChunkHash[]>
  /** Drops the mark in the same turn, then the references. */
  release: (root: ChunkHash) => Promise<unknown>
}

/** gone: nothing of it is claimed here any more. wanted: an image with the same bytes belongs here. later: not everybody has it. */
export type GivenUp = 'gone' | 'wanted' | 'later'

/** Chunks that a node reads back at once for a question: 64 MiB at most. */
const CHUNKS_PER_QUESTION = 16
const PIN_BYTES = 16

export class MisplacedCopies {
  readonly #components: MisplacedCopiesComponents

  constructor(components: MisplacedCopiesComponents) {
    this.#components = components
  }

  /** Throws NO_QUORUM, and what the placed nodes throw. */
  async giveUp(source: ImageSource, chunkSizeBytes: number, signal: AbortSignal): Promise<GivenUp> {
    const { self, config, placedFor, release } = this.#components
    const { root } = source
    const { epoch } = config.current()
    const placed = [...new Set(await placedFor(root))]
    if (placed.includes(self) || placed.length === 0) return 'wanted'
    const question = { epoch, root }
    if (!(await this.#allHold(placed, question, signal))) return 'later'
    if (!(await this.#allVerify(placed, source, chunkSizeBytes, signal))) return 'later'
    // Again: what was damaged there, or is placed differently since, does not count.
    if (!(await this.#allHold(placed, question, signal))) return 'later'
    const now = new Set(await placedFor(root))
    const isUnchanged = now.size === placed.length && placed.every((node) => now.has(node))
    // In one turn with the release: whoever asks this node under a newer epoch hears that it does not hold the image.
    if (!isUnchanged || config.current().epoch !== epoch) return 'later'
    await release(root)
    return 'gone'
  }

  async #allHold(placed: readonly NodeId[], question: CopyQuestion, signal: AbortSignal): Promise<boolean> {
    const answers = await Promise.all(placed.map((node) => this.#components.ask(node, question, signal)))
    return answers.every((isHeld) => isHeld)
  }

  /** Each node reads every chunk back; what is damaged there is no longer held there. */
  async #allVerify(
    placed: readonly NodeId[],
    source: ImageSource,
    chunkSizeBytes: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { have, unpin, random, pace } = this.#components
    const pin = Buffer.from(random.bytes(PIN_BYTES)).toString('hex')
    try {
      for await (const hashes of this.#everything(source, signal)) {
        for (const node of placed) {
          const end = await pace.begin(signal)
          const held = await have(node, hashes, pin, signal).finally(() =>
            end(hashes.length * chunkSizeBytes),
          )
          if (!held.every((isHere) => isHere)) return false
        }
      }
      return true
    } finally {
      // Pins that stay behind name no upload: the reaper ends them.
      await Promise.allSettled(placed.map((node) => unpin(node, pin)))
    }
  }

  async *#everything(source: ImageSource, signal: AbortSignal): AsyncGenerator<ChunkHash[]> {
    yield [source.root]
    yield* this.#components.steps(source, CHUNKS_PER_QUESTION, signal)
  }
}
