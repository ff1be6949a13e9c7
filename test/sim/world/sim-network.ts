/** The network between simulated nodes: it loses, delays, reorders and repeats messages, and may be cut one way. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimWorld } from './sim-world.ts'

export interface NetworkFaults {
  /** Chance that a message vanishes. */
  loss: number
  /** Chance that a message comes twice. */
  duplication: number
  /** One-way delay is uniform in [delayMsMin, delayMsMax]: two messages may overtake each other. */
  delayMsMin: number
  delayMsMax: number
  /** Chance that a message takes twenty times as long. */
  straggling: number
}

const STRAGGLER_FACTOR = 20
/** A good network: how it is before and after everything that happens. */
export const PEACE: NetworkFaults = {
  loss: 0,
  duplication: 0,
  delayMsMin: 0.2,
  delayMsMax: 1,
  straggling: 0,
}
/** A repeated message comes up to this much later. */
const REPEAT_MS_MAX = 400

interface Link {
  random: SeededRandom
  /** How many cuts lie on it. */
  cuts: number
  /** Delays are multiplied by this. */
  slowness: number
  /** Added to delays. */
  heldMs: number
}

export interface NetworkCounts {
  messages: number
  lost: number
  repeated: number
  cut: number
}

export class SimNetwork {
  readonly counts: NetworkCounts = { messages: 0, lost: 0, repeated: 0, cut: 0 }
  readonly #world: SimWorld
  #faults: NetworkFaults
  readonly #links = new Map<string, Link>()

  constructor(world: SimWorld, faults: NetworkFaults) {
    this.#world = world
    this.#faults = faults
  }

  /** From now on it is as bad as this. */
  suffer(faults: NetworkFaults): void {
    this.#faults = faults
  }

  /** Messages from `from` to `to` vanish until the returned function is called. */
  cut(from: NodeId, to: NodeId): () => void {
    const link = this.#link(from, to)
    link.cuts++
    let isCut = true
    return () => {
      if (isCut) link.cuts--
      isCut = false
    }
  }

  slow(from: NodeId, to: NodeId, factor: number): () => void {
    const link = this.#link(from, to)
    link.slowness *= factor
    return () => {
      link.slowness = 1
    }
  }

  /** Messages from `from` to `to` are `byMs` longer under way until the returned function is called. */
  hold(from: NodeId, to: NodeId, byMs: number): () => void {
    const link = this.#link(from, to)
    link.heldMs += byMs
    let isHeld = true
    return () => {
      if (isHeld) link.heldMs = Math.max(0, link.heldMs - byMs)
      isHeld = false
    }
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#link(from, to).cuts > 0
  }

  /** Ends all faults; cuts included. */
  heal(): void {
    this.#faults = { ...this.#faults, loss: 0, duplication: 0, straggling: 0 }
    for (const link of this.#links.values()) Object.assign(link, { cuts: 0, slowness: 1, heldMs: 0 })
  }

  /** Carries a message: `deliver` is called never, once or twice. */
  carry(from: NodeId, to: NodeId, deliver: () => void): void {
    this.counts.messages++
    if (from === to) return void this.#world.after(0, deliver)
    const { random, cuts } = this.#link(from, to)
    if (cuts > 0) return void this.counts.cut++
    if (random.chance(this.#faults.loss)) return void this.counts.lost++
    this.#world.after(this.#delayMs(from, to), deliver)
    if (!random.chance(this.#faults.duplication)) return
    this.counts.repeated++
    this.#world.after(this.#delayMs(from, to) + random.float() * REPEAT_MS_MAX, deliver)
  }

  #delayMs(from: NodeId, to: NodeId): number {
    const { random, slowness, heldMs } = this.#link(from, to)
    const { delayMsMin, delayMsMax, straggling } = this.#faults
    const delayMs = random.between(delayMsMin, delayMsMax) * slowness
    return heldMs + (random.chance(straggling) ? delayMs * STRAGGLER_FACTOR : delayMs)
  }

  #link(from: NodeId, to: NodeId): Link {
    const name = `${from}>${to}`
    let link = this.#links.get(name)
    if (!link) {
      link = { random: this.#world.random.fork(name), cuts: 0, slowness: 1, heldMs: 0 }
      this.#links.set(name, link)
    }
    return link
  }
}
