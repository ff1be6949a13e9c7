/**
 * Who proposes (rule R7): operations on one key go to one voter, its coordinator, where they queue, so that they do not
 * collide. It is only a matter of speed: when the coordinator says nothing any more, this node proposes itself.
 *
 * A busy coordinator is not a silent one. Proposing beside its queue would make every operation collide and the queue
 * longer still, and that would not end when the load does (seen after restarts, with real nodes).
 */
import { ClusterError, hasCode, toError } from '../errors.ts'
import type { ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import { coordinatorsOf } from './key-order.ts'
import { isBallot } from './message-shapes.ts'
import type { OperationCall } from './operations.ts'
import type { Proposer } from './proposer.ts'
import type { Reader } from './reader.ts'
import { decodeValue } from './register-value.ts'
import type { LearnerRow, RegisterStorage } from './storage.ts'
import type { Outcome, Since } from './vote-messages.ts'
import { EXECUTE_TIMEOUT_MS, type VoterClient } from './voter-client.ts'

/**
 * So long without an outcome, and the origin asks whether the coordinator is there at all; so long without a word to that,
 * and it proposes itself. Well above a healthy round on a disk (some 15 ms), well below a client's patience; and no longer for
 * some than for others: whoever begins late on a busy register finds its operation forgotten by the ring (R4).
 */
const HEDGE_AFTER_MS = 300
/** A silent coordinator is passed over for this time: then the heartbeat has judged it. */
const PASSED_OVER_MS = 2000
/** An operation may begin so many changes before the newest vote: a small part of the ring (RING_ENTRIES). */
const OPEN_CHANGES_MAX = 4
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
  /** Monotonic ms until which a coordinator that fell silent is passed over. */
  readonly #silentUntilMs = new Map<NodeId, number>()

  constructor(components: CoordinatorComponents) {
    this.#components = components
  }

  /** Applies an operation through the key's coordinator. Throws as `Proposer.execute`, but for FLOOR_MOVED. */
  async execute(key: string, call: OperationCall): Promise<Outcome> {
    const { self, config } = this.#components
    const { epoch, voters } = config.current()
    const order = coordinatorsOf(key, voters)
    const coordinator = order.find((voter) => voter === self || this.#isThere(voter))
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
   * (an unsettled row may lie ahead of that and must not count; the one before it does), and what is known of removals.
   */
  async #sinceNow(key: string, mustRead: boolean): Promise<Since> {
    const { storage, reader, voters } = this.#components
    const floor = voters.floorSeen
    const learned = storage.learned(key)
    const chosen = learned?.settled === false ? this.#chosenJustBefore(key, learned) : learned
    const known = mustRead || chosen === undefined ? await reader.read(key) : chosen
    return { version: known ? decodeValue(known.value).version : 0, floor }
  }

  /**
   * Undefined: the row before this vote is not known, or so old that the register may have moved on by all that its ring
   * remembers: on a busy register one vote follows another before it is known to be chosen.
   */
  #chosenJustBefore(key: string, vote: LearnerRow): LearnerRow | undefined {
    const before = this.#components.storage.chosenBefore(key)
    if (!before) return undefined
    const changes = decodeValue(vote.value).version - decodeValue(before.value).version
    return changes <= OPEN_CHANGES_MAX ? before : undefined
  }

  async #forward(
    { epoch, coordinator }: { epoch: number; coordinator: NodeId },
    key: string,
    call: OperationCall,
    since: Since,
  ): Promise<Outcome> {
    const forwarded = this.#components.voters.execute(epoch, coordinator, key, call, since)
    const first = await this.#whileThere(epoch, coordinator, forwarded.catch(toError))
    if (first !== null && !(first instanceof Error)) return first
    if (first !== null && !mayTryHere(first)) throw first
    const here = this.#enqueue(key, call, since).catch(asUnknown)
    if (first !== null) return here
    return firstToSucceed(here, forwarded)
  }

  #isThere(voter: NodeId): boolean {
    const { clock, liveness } = this.#components
    return liveness.isAlive(voter) && (this.#silentUntilMs.get(voter) ?? -Infinity) <= clock.monotonicMs()
  }

  /** What came of a forwarded operation, or null as soon as the coordinator does not even say that it is there. */
  async #whileThere<T>(epoch: number, coordinator: NodeId, forwarded: Promise<T>): Promise<T | null> {
    const { clock, voters } = this.#components
    for (;;) {
      const first = await withinMs(clock, HEDGE_AFTER_MS, forwarded)
      if (first !== null) return first
      if (!this.#isThere(coordinator)) return null
      const isThere = voters.isThere(epoch, coordinator, HEDGE_AFTER_MS)
      const second = await Promise.race([forwarded, isThere.then(() => null)])
      if (second !== null) return second
      if (await isThere) continue
      this.#silentUntilMs.set(coordinator, clock.monotonicMs() + PASSED_OVER_MS)
      return null
    }
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
    const { clock, proposer } = this.#components
    const sinceMs = clock.monotonicMs()
    const turn = queue.tail.then(() => {
      if (clock.monotonicMs() - sinceMs >= EXECUTE_TIMEOUT_MS) throw waitedTooLong(key, since)
      return proposer.execute(key, call, since)
    })
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

/** Whoever asked for it waits no more. Where another node may try it too, nobody can say that nothing was done. */
function waitedTooLong(key: string, since: Since | null): ClusterError {
  const message = `other changes of ${key} took ${EXECUTE_TIMEOUT_MS} ms and more`
  return since
    ? new ClusterError('OUTCOME_UNKNOWN', message)
    : new ClusterError('NO_QUORUM', message, { key })
}

/** What `promise` resolves to, or null when that takes longer. */
async function withinMs<T>(clock: Clock, limitMs: number, promise: Promise<T>): Promise<T | null> {
  let cancel = () => {}
  const over = new Promise<null>((resolve) => {
    cancel = clock.after(limitMs, () => resolve(null))
  })
  try {
    return await Promise.race([promise, over])
  } finally {
    cancel()
  }
}
