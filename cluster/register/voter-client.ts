/** Asks one voter, over the control plane (this node's own acceptor answers in place). Also notes who voted with what. */
import { ClusterError } from '../errors.ts'
import type { NodeId, PeerRpc } from '../network/rpc-port.ts'
import type { Ballot } from './ballot.ts'
import type { OperationCall } from './operations.ts'
import type { RegisterStorage } from './storage.ts'
import type { AcceptAnswer, Outcome, PrepareAnswer, ReadAnswer, VoteRequest } from './vote-messages.ts'

/** A voter that has not answered by then counts as away; also how long a lost majority takes to be noticed (R6). */
export const VOTE_TIMEOUT_MS = 1000
/** Forwarded operations may take several rounds at the coordinator. */
export const EXECUTE_TIMEOUT_MS = 4000

export class VoterClient {
  readonly #rpc: PeerRpc
  readonly #storage: RegisterStorage

  constructor(rpc: PeerRpc, storage: RegisterStorage) {
    this.#rpc = rpc
    this.#storage = storage
  }

  async prepare(to: NodeId, key: string, ballot: Ballot): Promise<PrepareAnswer> {
    const answer = (await this.#ask(to, { kind: 'prepare', key, ballot })) as PrepareAnswer
    this.#storage.noteWitness(to, answer.identity)
    return answer
  }

  async accept(to: NodeId, key: string, ballot: Ballot, value: Uint8Array): Promise<AcceptAnswer> {
    const answer = (await this.#ask(to, { kind: 'accept', key, ballot, value })) as AcceptAnswer
    this.#storage.noteWitness(to, answer.identity)
    return answer
  }

  /** One answer per item, in order. */
  async read(to: NodeId, items: { key: string; known: Ballot | null }[]): Promise<ReadAnswer[]> {
    const answers = (await this.#ask(to, { kind: 'read', items })) as ReadAnswer[]
    if (answers.length !== items.length)
      throw new ClusterError('BAD_FRAME', `node ${to} answered ${answers.length} of ${items.length} reads`)
    return answers
  }

  /** Tells a peer that `ballot` is chosen. Best effort: whoever misses it catches up. */
  committed(to: NodeId, key: string, ballot: Ballot, digest: string, value: Uint8Array | null): void {
    this.#ask(to, { kind: 'committed', key, ballot, digest, value }).catch(() => {})
  }

  async execute(to: NodeId, key: string, call: OperationCall, sinceVersion: number): Promise<Outcome> {
    const request: VoteRequest = { kind: 'execute', key, call, sinceVersion }
    return (await this.#rpc.request(to, 'votes', request, { timeoutMs: EXECUTE_TIMEOUT_MS })) as Outcome
  }

  #ask(to: NodeId, request: VoteRequest): Promise<unknown> {
    return this.#rpc.request(to, 'votes', request, { timeoutMs: VOTE_TIMEOUT_MS })
  }
}
