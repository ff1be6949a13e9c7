/** Bugs, put in on purpose: each breaks one rule of the registers, in a part that the simulation can exchange. */
import type { NodeId, PeerRpc, RpcHandler } from '../../cluster/network/rpc-port.ts'
import { sameBallot } from '../../cluster/register/ballot.ts'
import type { FencedRequest } from '../../cluster/register/epoch-fence.ts'
import { decodeValue, encodeValue, valueDigest } from '../../cluster/register/register-value.ts'
import type { AcceptedHead, AcceptorState, RegisterStorage } from '../../cluster/register/storage.ts'
import type { AcceptAnswer, PrepareAnswer, VoteRequest } from '../../cluster/register/vote-messages.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../helpers/memory-register-storage.ts'
import type { Variant } from './register-cluster.ts'

/** How late a write reaches the disk of a node that does not wait for it. */
const LAZY_SYNC_MS = 500

/** The proposer takes its own accept for a majority. */
const quorumOfOne: Variant = {
  rpc: (rpc, storage) =>
    withAnswers(rpc, (request, answer) => {
      if (request.kind !== 'accept') return answer
      answer.catch(() => {})
      return Promise.resolve({ identity: storage.identity(), accepted: true } satisfies AcceptAnswer)
    }),
}

/** The acceptor forgets to compare an accept with what it promised. */
const acceptBelowPromise: Variant = {
  rpc: (rpc, storage) =>
    withVotes(rpc, async (request, vote) => {
      if (request.kind !== 'accept') return vote()
      const { key, ballot, value } = request
      const promised = storage.acceptorState(key)?.promised ?? ballot
      await storage.vote(key, { promised, accepted: { ballot, value, digest: valueDigest(value) } }, true)
      return { identity: storage.identity(), accepted: true } satisfies AcceptAnswer
    }),
}

/**
 * Every start of every node makes the same ballots, and an acceptor promises a ballot as often as it is asked. Either
 * alone is harmless while acceptors remember: whoever wants a ballot for the second time meets one that promised it.
 */
const sharedBallots: Variant = {
  startNonce: () => '7'.repeat(16),
  rpc: (rpc, storage) =>
    withVotes(rpc, async (request, vote) => {
      const answer = (await vote()) as PrepareAnswer
      if (request.kind !== 'prepare' || answer.promised || !sameBallot(answer.highest, request.ballot))
        return answer
      const accepted = storage.acceptorState(request.key)?.accepted ?? null
      return {
        identity: storage.identity(),
        promised: true,
        accepted,
        floor: storage.floor(),
      } satisfies PrepareAnswer
    }),
}

/** A read answers from this node's own rows. */
const localReads: Variant = {
  client: (registers, storage) => ({
    mintOpId: () => registers.mintOpId(),
    execute: (key, call) => registers.execute(key, call),
    read: async (key) => storage.learned(key),
  }),
}

/** The proposer does not look for the operation in the ring. */
const noDedup: Variant = {
  rpc: (rpc) =>
    withAnswers(rpc, async (request, pending) => {
      const answer = (await pending) as PrepareAnswer
      if (request.kind !== 'prepare' || !answer.promised || !answer.accepted) return answer
      const value = encodeValue({ ...decodeValue(answer.accepted.value), ring: [] })
      return { ...answer, accepted: { ...answer.accepted, value } }
    }),
}

/** A vote is answered before it is on the disk. */
const noSync: Variant = {
  storage: (_storage, disk, host) => {
    const sync = () => new Promise<void>((resolve) => void host.clock.after(LAZY_SYNC_MS, resolve))
    return new LazyStorage(new MemoryRegisterStorage(disk, { sync }))
  },
}

/** A node that lost its disk votes as if it had never voted. */
const amnesia: Variant = {
  disk: ({ dbUuid }) => new MemoryRegisterDisk(`${dbUuid}'`),
}

export const brokenParts: Readonly<Record<string, Variant>> = {
  'quorum of one': quorumOfOne,
  'accept below a promise': acceptBelowPromise,
  'ballots made and promised twice': sharedBallots,
  'local value served as a strong read': localReads,
  'operation applied again although the ring knows it': noDedup,
  'no sync before the answer': noSync,
  'voting after amnesia': amnesia,
}

/** Shows votes as stored while they are only on their way to the disk. */
class LazyStorage implements RegisterStorage {
  readonly #inner: RegisterStorage
  readonly #unwritten = new Map<string, AcceptorState>()

  constructor(inner: RegisterStorage) {
    this.#inner = inner
  }

  vote(key: string, state: AcceptorState, accepted: boolean): Promise<void> {
    this.#unwritten.set(key, state)
    void this.#inner.vote(key, state, accepted)
    return Promise.resolve()
  }

  acceptorState(key: string): AcceptorState | null {
    return this.#unwritten.get(key) ?? this.#inner.acceptorState(key)
  }

  get isIntact() {
    return this.#inner.isIntact
  }

  get isAdmitted() {
    return this.#inner.isAdmitted
  }

  setAdmitted = (isAdmitted: boolean) => this.#inner.setAdmitted(isAdmitted)
  renewIdentity: RegisterStorage['renewIdentity'] = (isAdmitted) => this.#inner.renewIdentity(isAdmitted)
  raiseFloor: RegisterStorage['raiseFloor'] = (floor) => this.#inner.raiseFloor(floor)
  remove: RegisterStorage['remove'] = (key, floor) => this.#inner.remove(key, floor)
  acceptedAfter: RegisterStorage['acceptedAfter'] = (after, limit) => this.#inner.acceptedAfter(after, limit)
  learnDurably: RegisterStorage['learnDurably'] = (key, row) => this.#inner.learnDurably(key, row)
  forget: RegisterStorage['forget'] = (key, ballot) => this.#inner.forget(key, ballot)
  onLearned: RegisterStorage['onLearned'] = (listener) => this.#inner.onLearned(listener)
  witnessed = (peer: NodeId) => this.#inner.witnessed(peer)
  accepted(key: string): AcceptedHead | null {
    return this.acceptorState(key)?.accepted ?? null
  }

  identity = () => this.#inner.identity()
  floor = () => this.#inner.floor()
  learned = (key: string) => this.#inner.learned(key)
  learn: RegisterStorage['learn'] = (key, row) => this.#inner.learn(key, row)
  registerCount = () => this.#inner.registerCount()
  unsettledKeys = () => this.#inner.unsettledKeys()
  learnedDigests: RegisterStorage['learnedDigests'] = (after, limit) =>
    this.#inner.learnedDigests(after, limit)
  changesSince: RegisterStorage['changesSince'] = (cursor, limit) => this.#inner.changesSince(cursor, limit)
  cursor = (peer: NodeId) => this.#inner.cursor(peer)
  setCursor: RegisterStorage['setCursor'] = (peer, cursor) => this.#inner.setCursor(peer, cursor)
  noteWitness: RegisterStorage['noteWitness'] = (peer, seen) => this.#inner.noteWitness(peer, seen)
}

/** A control plane that tampers with the answers to this node's own vote requests. */
function withAnswers(
  rpc: PeerRpc,
  tamper: (request: VoteRequest, answer: Promise<unknown>) => Promise<unknown>,
): PeerRpc {
  return {
    handle: (protocol, handler) => rpc.handle(protocol, handler),
    request: (to, protocol, request, options) => {
      const answer = rpc.request(to, protocol, request, options)
      return protocol === 'votes' ? tamper((request as FencedRequest).body as VoteRequest, answer) : answer
    },
  }
}

/** A control plane that votes otherwise than this node's acceptor would. */
function withVotes(
  rpc: PeerRpc,
  tamper: (request: VoteRequest, vote: () => Promise<unknown>) => Promise<unknown>,
): PeerRpc {
  const tampered =
    (handler: RpcHandler): RpcHandler =>
    (from, request) =>
      tamper((request as FencedRequest).body as VoteRequest, () => handler(from, request))
  return {
    handle: (protocol, handler) => rpc.handle(protocol, protocol === 'votes' ? tampered(handler) : handler),
    request: (to, protocol, request, options) => rpc.request(to, protocol, request, options),
  }
}
