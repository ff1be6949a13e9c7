/** What operators see of and do to this node's background loops, behind the operator port. */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Log } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { Loop, LoopState } from '../loops/loop.ts'

export interface LoopAdminComponents {
  self: NodeId
  log: Log
  loops: readonly Loop[]
}

export interface LoopsDocument {
  node: NodeId
  loops: LoopState[]
}

/** What is absent stays as it is. Nothing of it outlives a restart of the node. */
export interface LoopChanges {
  paused?: boolean
  /** Units a second; null: as the loop itself thinks. */
  rate?: number | null
}

export class LoopAdmin {
  readonly #components: LoopAdminComponents

  constructor(components: LoopAdminComponents) {
    this.#components = components
  }

  describe(): LoopsDocument {
    const { self, loops } = this.#components
    return { node: self, loops: loops.map((loop) => loop.describe()) }
  }

  /** Throws NOT_FOUND; INVALID when the loop has no rate. Nothing is changed then. */
  change(name: string, { paused, rate }: LoopChanges): LoopState {
    const loop = this.#find(name)
    if (rate !== undefined && !loop.rate)
      throw new ImageError('INVALID', `The loop ${name} has no rate that could be set.`)
    if (rate !== undefined) loop.rate?.fix(rate)
    if (paused === true) loop.pause()
    if (paused === false) loop.resume()
    this.#components.log.info({ loop: name, paused, rate }, 'an operator has set a background loop')
    return loop.describe()
  }

  #find(name: string): Loop {
    const { loops } = this.#components
    const found = loops.find((loop) => loop.name === name)
    if (found) return found
    const names = loops.map((loop) => loop.name).join(', ')
    throw new ImageError('NOT_FOUND', `There is no loop of that name, only ${names}.`)
  }
}
