/** How fast drained nodes become empty, as far as somebody has looked: for how long it will take still. */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Clock } from '../../cluster/runtime.ts'
import type { ImageSum } from './image-sum.ts'
import type { NodeDrain } from './status-types.ts'

interface Seen {
  atMs: number
  bytes: number
}

export class DrainPace {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** Of each drained node, when it was seen with the most left. */
  readonly #first = new Map<NodeId, Seen>()
  #left: Readonly<Record<NodeId, ImageSum>> = {}

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** What every drained node holds now; one that is not named is drained no more. */
  look(left: Readonly<Record<NodeId, ImageSum>>): void {
    const atMs = this.#clock.monotonicMs()
    this.#left = left
    for (const node of this.#first.keys()) if (!left[node]) this.#first.delete(node)
    for (const [node, { bytes }] of Object.entries(left)) {
      const first = this.#first.get(node)
      if (!first || bytes > first.bytes) this.#first.set(node, { atMs, bytes })
    }
  }

  /** `answers`: whether the node has told what it holds. */
  of(node: NodeId, answers: boolean): NodeDrain {
    const left = this.#left[node]
    if (!answers || !left) return { left: null, etaSeconds: null }
    return { left, etaSeconds: this.#etaSeconds(node, left.bytes) }
  }

  #etaSeconds(node: NodeId, bytes: number): number | null {
    const first = this.#first.get(node)
    if (bytes === 0) return 0
    if (!first || bytes >= first.bytes) return null
    const elapsedMs = this.#clock.monotonicMs() - first.atMs
    return Math.round((bytes * elapsedMs) / (first.bytes - bytes) / 1000)
  }
}
