/** What operators see of and do to this node's background loops, behind the operator port. */
import { ClusterError, SeracError } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { ImageError } from '../errors.ts'
import type { Loop, LoopState } from '../loops/loop.ts'
import type { EventLog } from './event-log.ts'
import type { StatusQuestions } from './status-questions.ts'

export interface LoopAdminComponents {
  self: NodeId
  loops: readonly Loop[]
  questions: StatusQuestions
  events: Pick<EventLog, 'note'>
  isMember: (id: NodeId) => boolean
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
    components.questions.on('loop', async (args) => {
      const { name, changes } = decodeChange(args)
      return this.change(name, changes)
    })
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
    const { self, events } = this.#components
    for (const text of wordsFor(name, paused, rate))
      events.note({ kind: 'LOOP_SET', severity: 'info', who: self, text }, { loop: name, paused, rate })
    return loop.describe()
  }

  /** The same on any node. Throws NOT_FOUND, INVALID, UNAVAILABLE when that node does not answer. */
  async changeAt(node: NodeId, name: string, changes: LoopChanges): Promise<LoopState> {
    const { self, questions, isMember } = this.#components
    if (node === self) return this.change(name, changes)
    if (!isMember(node)) throw new ImageError('NOT_FOUND', `Node ${node} is no member of this cluster.`)
    try {
      return (await questions.ask(node, 'loop', { name, changes })) as LoopState
    } catch (error) {
      const code = error instanceof SeracError ? error.code : null
      if (code === 'NOT_FOUND' || code === 'INVALID') throw new ImageError(code, (error as Error).message)
      throw new ImageError(
        'UNAVAILABLE',
        `Node ${node} does not answer; whether it has set its loop shows in the status.`,
      )
    }
  }

  #find(name: string): Loop {
    const { loops } = this.#components
    const found = loops.find((loop) => loop.name === name)
    if (found) return found
    const names = loops.map((loop) => loop.name).join(', ')
    throw new ImageError('NOT_FOUND', `There is no loop of that name, only ${names}.`)
  }
}

function wordsFor(name: string, paused: boolean | undefined, rate: number | null | undefined): string[] {
  const words: string[] = []
  if (paused !== undefined) words.push(`An operator has ${paused ? 'paused' : 'resumed'} the ${name}.`)
  if (rate === null) words.push(`An operator lets the ${name} find its own rate again.`)
  if (typeof rate === 'number') words.push(`An operator has set the rate of the ${name} to ${rate} a second.`)
  return words
}

/** Throws BAD_FRAME. */
function decodeChange(value: unknown): { name: string; changes: LoopChanges } {
  const { name, changes } = (value ?? {}) as { name?: unknown; changes?: LoopChanges | null }
  const { paused, rate } = changes ?? {}
  const isSound =
    typeof name === 'string' &&
    (paused === undefined || typeof paused === 'boolean') &&
    (rate === undefined || rate === null || (Number.isFinite(rate) && rate > 0))
  if (!isSound) throw new ClusterError('BAD_FRAME', 'a change of a loop is malformed')
  return { name, changes: { ...(paused !== undefined && { paused }), ...(rate !== undefined && { rate }) } }
}
