/**
 * Who proposes (rule R7): operations on one key go to one voter, its coordinator, where they queue, so that they do not
 * collide. It is only a matter of speed: when the coordinator does not answer soon, this node proposes itself.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, type Clock } from '../runtime.ts'
import { coordinatorsOf } from './key-order.ts'
import { isBallot } from './message-shapes.ts'
import type { OperationCall } from './operations.ts'
import type { Proposer } from './proposer.ts'
import type { Reader } from './reader.ts'
import { decodeValue } from './register-value.ts'
import type { RegisterStorage } from './storage.ts'
import type { Outcome, Since } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

/** After this the origin proposes itself: well above a healthy round on a disk (some 15 ms), well below a client's patience. */
const HEDGE_AFTER_MS = 300
/** Operations that may wait for one key. More than this on one image is no use of an image service. */
const QUEUE_MAX = 1000

export interface CoordinatorComponents {
  self: NodeId
  clock: Clock
  config: ConfigView
  liveness: LivenessView
  voters: VoterClient
  storage: RegisterStorage
  proposer: Proposer
  reader: Reader
}

interface KeyQueue {
  tail: Promise<unknown>
  length: number
}

export class Coordinator {
  readonly #components: CoordinatorComponents
  readonly #queues = new Map<string, KeyQueue>()

  constructor(components: CoordinatorComponents) {
    this.#components = components
  }

  /** Applies an operation through the key's coordinator. Throws as `Proposer.execute`, but for FLOOR_MOVED. */
  async execute(key: string, call: OperationCall): Promise<Outcome> {
    const { self, config, liveness } = this.#components
    const { epoch, voters } = config.current()
    const order = coordinatorsOf(key, voters)
    const coordinator = order.find((voter) => voter === self || liveness.isAlive(voter))
    if (!coordinator || coordinator === self) return this.#enqueue(key, call, null)
    const target = { epoch, coordinator }
    try {
      return await this.#forward(target, key, call, await this.#sinceNow(key, false))
    } catch (error) {
      if (!hasCode(error, 'FLOOR_MOVED')) throw error
      // Nothing was done, and nobody else tries: only what this node knew of removals was too old.
      const floor = error.fields['floor']
      if (isBallot(floor)) this.#components.voters.noteFloor(floor)
      return this.#forward(target, key, call, await this.#sinceNow(key, true)).catch(asUnknown)
    }
  }

  /** Serves an operation that another node forwarded; it may try elsewhere too, so the outcome is written down. */
  executeForwarded(key: string, call: OperationCall, since: Since): Promise<Outcome> {
    return this.#enqueue(key, call, since)
  }

  /**
   * Where the register stands, so that the operation cannot be older: a version that it has reached on its chosen way
   * (an unsettled row may lie ahead of that and must not count), and what is known of removals.
   */
  async #sinceNow(key: string, mustRead: boolean): Promise<Since> {
    const { storage, reader, voters } = this.#components
    const floor = voters.floorSeen
    const learned = storage.learned(key)
    const known = mustRead || learned?.settled === false ? await reader.read(key) : learned
    return { version: known ? decodeValue(known.value).version : 0, floor }
  }

  async #forward(
    { epoch, coordinator }: { epoch: number; coordinator: NodeId },
    key: string,
    call: OperationCall,
    since: Since,
  ): Promise<Outcome> {
    const { clock, voters } = this.#components
    const patience = new AbortController()
    const forwarded = voters.execute(epoch, coordinator, key, call, since)
    const first = await Promise.race([
      forwarded.catch((error: unknown) => toError(error)),
      sleep(clock, HEDGE_AFTER_MS, patience.signal).then(
        () => null,
        () => null,
      ),
    ])
    patience.abort()
    if (first !== null && !(first instanceof Error)) return first
    if (first !== null && !mayTryHere(first)) throw first
    const here = this.#enqueue(key, call, since).catch(asUnknown)
    if (first !== null) return here
    return firstToSucceed(here, forwarded)
  }

  /** One operation at a time per key on this node: the next starts when the one before has ended. */
  #enqueue(key: string, call: OperationCall, since: Since | null): Promise<Outcome> {
    const queue = this.#queues.get(key) ?? { tail: Promise.resolve(), length: 0 }
    if (queue.length >= QUEUE_MAX)
      return Promise.reject(
        new ClusterError('NO_QUORUM', `${queue.length} changes of ${key} are waiting already`),
      )
    this.#queues.set(key, queue)
    queue.length++
    const turn = queue.tail.then(() => this.#components.proposer.execute(key, call, since))
    queue.tail = turn.then(
      () => this.#leave(key, queue),
      () => this.#leave(key, queue),
    )
    return turn
  }

  #leave(key: string, queue: KeyQueue): void {
    queue.length--
    if (queue.length === 0) this.#queues.delete(key)
  }
}

/** The coordinator did not say what became of it, or could not do it: try here under the same opId. */
function mayTryHere(error: Error): boolean {
  return hasCode(
    error,
    'PEER_UNREACHABLE',
    'RPC_TIMEOUT',
    'BAD_FRAME',
    'NOT_VOTING',
    'NO_QUORUM',
    'OUTCOME_UNKNOWN',
    'STOPPING',
    'STALE_EPOCH',
    'INTERNAL',
  )
}

/** Two attempts may be under way by now, so that nobody can say any more that nothing was done. */
function asUnknown(error: unknown): never {
  if (!hasCode(error, 'FLOOR_MOVED')) throw error
  throw new ClusterError('OUTCOME_UNKNOWN', `${error.message}: look before trying again`, {}, error)
}

/** Both carry the same opId and write their outcome down, so whichever ends first tells the truth for both. */
async function firstToSucceed(here: Promise<Outcome>, forwarded: Promise<Outcome>): Promise<Outcome> {
  try {
    return await Promise.any([here, forwarded])
  } catch {
    return here
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
