/** Bugs of acceptors and proposers: what is promised, what is accepted, what counts as a majority. */
import { sameBallot } from '../../../cluster/register/ballot.ts'
import type { HeldPromise } from '../../../cluster/register/held-promises.ts'
import { decodeValue, encodeValue, valueDigest } from '../../../cluster/register/register-value.ts'
import type { AcceptAnswer, PrepareAnswer } from '../../../cluster/register/vote-messages.ts'
import { overriding } from '../cluster/variant.ts'
import { withAnswers, withVotes, type Mutant } from './mutant.ts'

export const voteMutants: readonly Mutant[] = [
  {
    name: 'quorum of one',
    rule: 'R1: the proposer takes its own accept for a majority',
    variant: {
      rpc: (rpc, { store }) =>
        withAnswers(rpc, (request, answer) => {
          if (request.kind !== 'accept') return answer
          answer.catch(() => {})
          return Promise.resolve({ identity: store.identity(), accepted: true } satisfies AcceptAnswer)
        }),
    },
  },
  {
    name: 'accept below a promise',
    rule: 'R1: the acceptor does not compare an accept with what it promised',
    variant: {
      rpc: (rpc, { store }) =>
        withVotes(rpc, async (request, vote) => {
          if (request.kind !== 'accept') return vote()
          const { key, ballot, value } = request
          const promised = store.acceptorState(key)?.promised ?? ballot
          await store.vote(key, { promised, accepted: { ballot, value, digest: valueDigest(value) } }, true)
          return { identity: store.identity(), accepted: true } satisfies AcceptAnswer
        }),
    },
  },
  {
    name: 'promise along with an accept told, not kept',
    rule: 'R1: the acceptor says that it has promised the next ballot, and writes down the accepted one alone',
    variant: {
      rpc: (rpc) =>
        withVotes(rpc, async (request, vote) => {
          if (request.kind !== 'accept' || !request.next) return vote()
          request.next = null
          return { ...((await vote()) as AcceptAnswer), hasPromised: true }
        }),
    },
  },
  {
    name: 'held promises used twice',
    rule: 'R1: a change that may have been accepted somewhere is followed by another one under its ballot',
    variant: {
      held: (held, { store }) => {
        const last = new Map<string, HeldPromise>()
        return overriding(held, {
          take: (key) => {
            const [promise, acceptedAt] = [last.get(key), store.learnedHead(key)?.ballot]
            return held.take(key) ?? (promise && acceptedAt ? { ...promise, acceptedAt } : null)
          },
          keep: (key, promise) => {
            last.set(key, promise)
            held.keep(key, promise)
          },
        })
      },
    },
  },
  {
    // Either alone is harmless while acceptors remember: who wants a ballot again meets one that promised it.
    name: 'ballots made and promised twice',
    rule: 'ballots: every start makes the same ones, and an acceptor promises one as often as it is asked',
    variant: {
      startNonce: () => '7'.repeat(16),
      rpc: (rpc, { store }) =>
        withVotes(rpc, async (request, vote) => {
          const answer = (await vote()) as PrepareAnswer
          if (request.kind !== 'prepare' || answer.promised || !sameBallot(answer.highest, request.ballot))
            return answer
          const accepted = store.acceptorState(request.key)?.accepted ?? null
          const { identity } = answer
          return { identity, promised: true, accepted, floor: store.floor() } satisfies PrepareAnswer
        }),
    },
  },
  {
    name: 'operation applied again although the ring knows it',
    rule: 'R4: the proposer does not look for the operation in the ring',
    variant: {
      rpc: (rpc) =>
        withAnswers(rpc, async (request, pending) => {
          const answer = (await pending) as PrepareAnswer
          if (request.kind !== 'prepare' || !answer.promised || !answer.accepted) return answer
          const value = encodeValue({ ...decodeValue(answer.accepted.value), ring: [] })
          return { ...answer, accepted: { ...answer.accepted, value } }
        }),
    },
  },
  {
    name: 'no prepare for a known key',
    rule: 'R1: every creation is sent without a prepare, as if nobody else could have heard of the key',
    variant: {
      client: (client) =>
        overriding(client, {
          execute: (key, call) =>
            call.name === 'create' ? client.executeOnNewKey(key, call) : client.execute(key, call),
        }),
    },
  },
  {
    name: 'operation id taken from the client',
    rule: 'R4: clients reuse their request ids, so two requests look like one',
    variant: {
      client: (client) =>
        overriding(client, {
          execute: (key, call) => {
            const { id } = call.args as { id: number }
            return client.execute(key, { ...call, opId: String(id % 7).padStart(32, '0') })
          },
        }),
    },
  },
]
