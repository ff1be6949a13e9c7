/**
 * The healer: fetches what was found damaged here from the peers and stores it anew, chunk by chunk and at once; then the
 * updater looks whether the images are whole again.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ChunkFetcher } from '../../cluster/transfer/chunk-fetcher.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import type { ChunkStore } from '../store/chunk-store.ts'
import { Loop } from './loop.ts'
import { WorkQueue, type Ticket } from './work-queue.ts'

export interface HealerComponents {
  clock: Clock
  random: Random
  log: Log
  chunks: Pick<ChunkStore, 'damaged' | 'isDamaged' | 'rootsWith' | 'onDamaged'>
  fetcher: Pick<ChunkFetcher, 'repair'>
  imagesWithRoot: (root: ChunkHash) => Promise<readonly string[]>
  /** The nodes that should hold an image. */
  placed: (imageId: string) => readonly NodeId[]
  /** Has the updater look at an image. */
  reconcile: (imageId: string) => void
  /** Until then this node does not know which images there are (R11). */
  caughtUp: () => boolean
}

const TICK_MS = 1_000
/** Side by side: hides a peer's round trip, and leaves most of the memory for downloads to clients. */
const REPAIRS_AT_ONCE = 4

export class Healer {
  readonly loop: Loop
  readonly #components: HealerComponents
  readonly #queue: WorkQueue

  constructor(components: HealerComponents) {
    const { chunks, clock, random } = components
    this.#components = components
    this.#queue = new WorkQueue(clock, random)
    for (const hash of chunks.damaged()) this.#queue.add(hash)
    const options = { name: 'healer', everyMs: TICK_MS, retryMs: TICK_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal), {
      queue: () => ({ depth: this.#queue.size, oldestAgeMs: this.#queue.oldestAgeMs }),
    })
    chunks.onDamaged((hash) => {
      this.#queue.add(hash)
      this.loop.nudge()
    })
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    if (!this.#components.caughtUp()) return
    const due = this.#queue.due()
    const healed = new Set<string>()
    const next = async () => {
      for (let ticket = due.shift(); ticket && !signal.aborted; ticket = due.shift())
        for (const image of await this.#tryHeal(ticket, signal)) healed.add(image)
    }
    await Promise.all(Array.from({ length: REPAIRS_AT_ONCE }, next))
    for (const image of healed) this.#components.reconcile(image)
    signal.throwIfAborted()
  }

  /** Answers the images that may be whole again. */
  async #tryHeal(ticket: Ticket, signal: AbortSignal): Promise<readonly string[]> {
    try {
      const images = await this.#heal(ticket.name, signal)
      this.#queue.done(ticket)
      return images
    } catch (error) {
      if (signal.aborted) return []
      this.#queue.failed(ticket)
      const { log } = this.#components
      log.debug({ hash: ticket.name, error: String(error) }, 'could not heal a damaged chunk yet')
      return []
    }
  }

  async #heal(hash: ChunkHash, signal: AbortSignal): Promise<readonly string[]> {
    const { chunks, fetcher, imagesWithRoot, placed } = this.#components
    const roots = await chunks.rootsWith(hash)
    const images = (await Promise.all(roots.map(imagesWithRoot))).flat()
    // A read may have healed it already; and what nobody wants any more is forgotten in time.
    if (chunks.isDamaged(hash))
      await fetcher.repair(hash, images[0] === undefined ? [] : placed(images[0]), signal)
    return images
  }
}
