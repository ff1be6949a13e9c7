/**
 * Gives back names of metadata namespaces that are held by nobody: whoever wanted one stopped before it came to anything.
 * Whoever wants such a name gets it all the same; without this it would only be kept for ever.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { NameHolder } from '../metadefs/namespace-record.ts'
import { Loop } from './loop.ts'

export interface NameReaperComponents {
  clock: Clock
  log: Log
  /** Names that, as this node knows, no namespace has by the claim that holds them. */
  idleHolders: () => NameHolder[]
  /** Ends the claim, unless the name is a namespace's by it, and gives the name back. */
  giveUp: (holder: NameHolder) => Promise<void>
  /** Whether this node is the one that sees to a name now. */
  seesTo: (name: string) => boolean
  /** Until this node has caught up, it knows nothing. */
  caughtUp: () => boolean
}

/** A claim that is idle in two rounds, one after the other, is nobody's any more: no request takes that long. */
const ROUND_EVERY_MS = 600_000

export class NameReaper {
  readonly loop: Loop
  readonly #components: NameReaperComponents
  /** Claims that were idle in the last round. */
  #idle: ReadonlySet<string> = new Set()

  constructor(components: NameReaperComponents) {
    this.#components = components
    const options = { name: 'name-reaper', everyMs: ROUND_EVERY_MS, retryMs: ROUND_EVERY_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal))
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { idleHolders, giveUp, seesTo, caughtUp } = this.#components
    if (!caughtUp()) return
    const holders = idleHolders().filter(({ name }) => seesTo(name))
    const before = this.#idle
    this.#idle = new Set(holders.map(({ claim }) => claim))
    for (const holder of holders) {
      signal.throwIfAborted()
      if (before.has(holder.claim)) await giveUp(holder)
    }
  }
}
