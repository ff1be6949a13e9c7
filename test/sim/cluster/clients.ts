/** Clients of the cluster: they ask, note what they were told, and when. */
import { hasCode } from '../../../cluster/errors.ts'
import type { Outcome } from '../../../cluster/register/vote-messages.ts'
import type { Input, LogOp, Output } from '../checks/log-model.ts'
import type { ClientStep } from '../schedule/schedule.ts'
import type { SimWorld } from '../world/sim-world.ts'
import { idsIn, logTextOf, NEVER_USED, type LogText, type RefusalCode } from './log-operations.ts'
import type { SimCluster } from './sim-cluster.ts'
import type { SimNode } from './sim-node.ts'

/** A request that is open for longer is given up by its client. */
const PATIENCE_MS = 6000

/** An operation of the history, and what people want to know of it. */
export type NotedOp = LogOp & {
  key: string
  node: string
  startMs: number
  endMs: number
  error: string | null
}

export class Clients {
  readonly history: NotedOp[] = []
  /** What came of requests that gave no answer, by error code. */
  readonly failures = new Map<string, number>()
  readonly #world: SimWorld
  readonly #cluster: SimCluster
  readonly #keys: readonly string[]
  #open = 0

  constructor(world: SimWorld, cluster: SimCluster, keys: readonly string[]) {
    this.#world = world
    this.#cluster = cluster
    this.#keys = keys
  }

  /** Requests under way. */
  get open(): number {
    return this.#open
  }

  /** One request after the other. */
  async session(steps: readonly ClientStep[]): Promise<void> {
    let lastSeen: LogText = NEVER_USED
    for (const step of steps) {
      const node = this.#nodeFor(step)
      if (!node) continue
      const seen = await (step.kind === 'list' ? this.#list(node) : this.#ask(node, step, lastSeen))
      if (seen !== null) lastSeen = seen
    }
  }

  /** A strong read that belongs to the history; false = it failed. */
  async read(node: SimNode, key: string): Promise<boolean> {
    const seen = await this.#ask(node, { kind: 'read', node: node.id, key, id: 0 }, NEVER_USED)
    return seen !== null
  }

  /** A list that belongs to the history; false = it failed. */
  async list(node: SimNode): Promise<boolean> {
    const before = this.history.length
    await this.#list(node)
    return this.history.length > before
  }

  /** The node that the client knows, or the next one that is up. */
  #nodeFor({ node }: ClientStep): SimNode | null {
    const { ids } = this.#cluster
    const from = ids.indexOf(node)
    for (let i = 0; i < ids.length; i++) {
      const found = this.#cluster.node(ids[(from + i) % ids.length] as string)
      if (found) return found
    }
    return null
  }

  /** Resolves with the log as it was told, or null. */
  async #ask(node: SimNode, step: ClientStep, lastSeen: LogText): Promise<LogText | null> {
    const input = inputOf(step, lastSeen)
    const op = this.#begin(step.key, node, input)
    const output = await this.#patiently(op, request(node, step.key, input, step.kind === 'mint'))
    if (output === null) return null
    this.#end(op, output)
    return 'log' in output ? output.log : null
  }

  /** A list answers for each key at once. */
  async #list(node: SimNode): Promise<LogText | null> {
    const ops = this.#keys.map((key) => this.#begin(key, node, { kind: 'list' }))
    const listed = await this.#patiently(ops[0] as NotedOp, node.list())
    for (const op of ops)
      if (listed) this.#end(op, { answer: 'READ', log: listed.get(op.key) ?? NEVER_USED })
      else this.#drop(op)
    return null
  }

  #begin(key: string, node: SimNode, input: Input): NotedOp {
    const world = this.#world
    const op: NotedOp = {
      key,
      node: node.id,
      input,
      start: world.stamp(),
      end: Infinity,
      output: null,
      startMs: world.nowMs,
      endMs: Infinity,
      error: null,
    }
    this.history.push(op)
    return op
  }

  #end(op: NotedOp, output: Output): void {
    Object.assign(op, { end: this.#world.stamp(), endMs: this.#world.nowMs, output })
    this.#world.trace.note(this.#world.nowMs, op.node, op.key, op.input.kind, JSON.stringify(output))
  }

  /** Null: no answer, or one that says that nothing was done. */
  async #patiently<T>(op: NotedOp, request: Promise<T>): Promise<T | null> {
    this.#open++
    const outcome = await Promise.race<{ answer: T } | { error: unknown }>([
      request.then(
        (answer) => ({ answer }),
        (error: unknown) => ({ error }),
      ),
      this.#world.pause(PATIENCE_MS).then(() => ({ error: new Error('PATIENCE') })),
    ])
    this.#open--
    if ('answer' in outcome) return outcome.answer
    this.#noteFailure(op, outcome.error)
    return null
  }

  #noteFailure(op: NotedOp, error: unknown): void {
    const code = codeOf(error)
    op.error = code
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1)
    this.#world.trace.note(this.#world.nowMs, op.node, op.key, op.input.kind, code)
    const isNothingDone = hasCode(error, 'NO_QUORUM') && op.input.kind !== 'collect'
    if (isNothingDone || op.input.kind === 'read') this.#drop(op)
  }

  #drop(op: NotedOp): void {
    const index = this.history.lastIndexOf(op)
    if (index >= 0) this.history.splice(index, 1)
  }
}

function inputOf({ kind, id }: ClientStep, lastSeen: LogText): Input {
  if (kind === 'read' || kind === 'list' || kind === 'collect') return { kind }
  if (kind === 'mint') return { kind: 'create', id, expected: null }
  return { kind, id, expected: kind === 'swap' ? (idsIn(lastSeen).at(-1) ?? 0) : null }
}

async function request(node: SimNode, key: string, input: Input, isNewKey: boolean): Promise<Output> {
  const { client } = node
  if (input.kind === 'collect') return collect(node, key)
  if (!('id' in input)) {
    const chosen = await client.read(key)
    const text = chosen ? logTextOf(chosen.value) : NEVER_USED
    return { answer: 'READ', log: text.startsWith('+') ? text : NEVER_USED }
  }
  const { kind, id, expected } = input
  const call = { name: kind, args: { id, expected }, opId: client.mintOpId() }
  return answerOf(await (isNewKey ? client.executeOnNewKey(key, call) : client.execute(key, call)))
}

/** Of one that was interrupted, or met another, nobody knows how far it came. */
async function collect({ client }: SimNode, key: string): Promise<Output> {
  const collected = await client.collect(key, () => true)
  if (collected === 'contended') throw new Error('CONTENDED')
  return { answer: collected === 'removed' ? 'COLLECTED' : 'KEPT' }
}

function answerOf(outcome: Outcome): Output {
  if (outcome.done) return { answer: 'DONE', log: logTextOf(outcome.value) }
  return { answer: outcome.refusal.code as RefusalCode }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : String(error)
}
