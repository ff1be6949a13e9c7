/** Clients of one register in a hostile world, and the model that their histories are checked against. */
import { hasCode } from '../../cluster/errors.ts'
import type { HistoryOp, Model } from './linearizability.ts'
import { RegisterCluster, recordOf, type RegisterClient, type Variant } from './register-cluster.ts'
import { SimWorld } from './sim-world.ts'

type Input = { kind: 'create' | 'add'; amount: number } | { kind: 'read' }
/** A number, null for an empty register, DONE, or the refusal's code. */
type Output = number | string | null
export type Op = HistoryOp<Input, { answer: Output }>

const EMPTY = -1
const DONE = 'DONE'

/** A change answers only that it was made: what else was made since is the next read's business. */
export const counterModel: Model<number, Input, { answer: Output }> = {
  initial: EMPTY,
  step(state, input, output) {
    const [answer, next] = apply(state, input)
    return output !== null && output.answer !== answer ? null : next
  },
  describe: String,
  isRead: (input, output) => input.kind === 'read' || output.answer !== DONE,
}

function apply(state: number, input: Input): [Output, number] {
  if (input.kind === 'read') return [state === EMPTY ? null : state, state]
  if (input.kind === 'create') return state === EMPTY ? [DONE, input.amount] : ['CONFLICT', state]
  return state === EMPTY ? ['NOT_FOUND', state] : [DONE, state + input.amount]
}

export const KEY = 'counter/1'
const CLIENTS = 4
const CLIENT_ENDS_MS = 4000
/** An operation open for longer stays open in the history. */
const CLIENT_PATIENCE_MS = 6000

/** One request after the other, each to some node; a request without an answer is given up after a while. */
async function client(cluster: RegisterCluster, name: number, history: Op[]): Promise<void> {
  const { world } = cluster
  while (world.now < CLIENT_ENDS_MS) {
    await pause(world, world.random.float() * 60)
    const node = cluster.node(cluster.ids[world.random.below(cluster.ids.length)] as string)
    if (!node) continue
    const amount = 1 + world.random.below(5) + name * 10
    const roll = world.random.float()
    const input: Input = roll < 0.4 ? { kind: 'read' } : { kind: roll < 0.5 ? 'create' : 'add', amount }
    const op: Op = { input, start: world.now, end: Infinity, output: null }
    history.push(op)
    const ended = await Promise.race([attempt(node.registers, input), pause(world, CLIENT_PATIENCE_MS)])
    if (ended === 'not applied' || (!ended && input.kind === 'read')) history.splice(history.indexOf(op), 1)
    else if (ended && ended !== 'unknown') Object.assign(op, { end: world.now, output: ended })
  }
}

async function attempt(
  registers: RegisterClient,
  input: Input,
): Promise<{ answer: Output } | 'unknown' | 'not applied'> {
  try {
    return { answer: await run(registers, input) }
  } catch (error) {
    return hasCode(error, 'NO_QUORUM') || input.kind === 'read' ? 'not applied' : 'unknown'
  }
}

function pause(world: SimWorld, ms: number): Promise<void> {
  return new Promise((resolve) => world.after(ms, resolve))
}

async function run(registers: RegisterClient, input: Input): Promise<Output> {
  if (input.kind === 'read') {
    const chosen = await registers.read(KEY)
    return chosen ? recordOf(chosen.value) : null
  }
  const outcome = await registers.execute(KEY, {
    name: input.kind,
    args: input.amount,
    opId: registers.mintOpId(),
  })
  return outcome.done ? DONE : outcome.refusal.code
}

function scheduleFaults(cluster: RegisterCluster): void {
  const { world, ids } = cluster
  const pick = () => ids[world.random.below(ids.length)] as string
  for (let at = 300; at < CLIENT_ENDS_MS; at += 200 + world.random.below(600)) {
    world.after(at, () => {
      const victim = pick()
      if (world.random.float() < 0.5) {
        if (!cluster.node(victim)) return
        cluster.kill(victim)
        world.after(100 + world.random.below(1500), () => cluster.boot(victim))
      } else {
        world.cut(victim, pick())
        world.after(200 + world.random.below(900), () => world.mend())
      }
    })
  }
}

export interface RecordedHistory {
  ops: Op[]
  /** As it is at the end, long after the network healed. */
  cluster: RegisterCluster
}

export async function recordHistory(seed: number, variant: Variant = {}): Promise<RecordedHistory> {
  const world = new SimWorld(seed, { loss: 0.03, delayMsMin: 0.2, delayMsMax: 12, slow: 0.03 })
  const cluster = new RegisterCluster(world, seed % 3 === 0 ? 5 : 3, variant)
  const ops: Op[] = []
  scheduleFaults(cluster)
  for (let name = 0; name < CLIENTS; name++) void client(cluster, name, ops)
  await world.run(CLIENT_ENDS_MS + 8000)
  world.heal()
  await world.run(CLIENT_ENDS_MS + 45_000)
  return { ops, cluster }
}
