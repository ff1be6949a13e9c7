/** Bugs of the removal of tombstones: ways in which what was deleted comes back. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { ZERO_BALLOT } from '../../../cluster/register/ballot.ts'
import { decodeValue } from '../../../cluster/register/register-value.ts'
import type { CatchUpRequest, DigestsAnswer } from '../../../cluster/register/vote-messages.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import { RemovedKeys } from '../../../node/store/removed-keys.ts'
import { overriding } from '../cluster/variant.ts'
import { bodyOf, configOf, deafToNotices, type Mutant } from './mutant.ts'

/** In a config without a change under way. */
function isVoting(store: RegisterStore, self: NodeId): boolean {
  const config = configOf(store)
  return config !== null && !config.joint && config.voters.includes(self)
}

export const removalMutants: readonly Mutant[] = [
  {
    name: 'tombstone removed where it is seen',
    rule: 'R9: a node drops a tombstone by itself; a voter that missed the deletion still has the record',
    variant: {
      client: (client, { store }) =>
        overriding(client, {
          collect: async (key) => {
            const row = store.learned(key)
            if (!row) return 'absent'
            if (decodeValue(row.value).live) return 'kept'
            await store.remove(key, row.ballot)
            return 'removed'
          },
        }),
    },
  },
  {
    name: 'no floor',
    rule: 'R9: of removed registers nothing is remembered',
    variant: {
      storage: (store) =>
        overriding(store, {
          floor: () => ZERO_BALLOT,
          remove: (key) => store.remove(key, ZERO_BALLOT),
        }),
    },
  },
  {
    name: 'catch-up keeps what was removed',
    rule: 'R11: rows that a majority has no more are not forgotten',
    variant: { storage: (store) => overriding(store, { forget: () => Promise.resolve() }) },
  },
  {
    name: 'new voter keeps stale rows',
    rule: 'R9: who begins to vote lists what was removed before',
    variant: {
      storage: (store, { self }) =>
        overriding(store, {
          forget: (key, ballot) => (isVoting(store, self) ? store.forget(key, ballot) : Promise.resolve()),
        }),
    },
  },
  {
    name: 'stale rows dropped ahead of time only',
    rule: 'R9: what was removed between the look at the lists and the change of the voters stays listed',
    variant: {
      rpc: (rpc) =>
        overriding(rpc, {
          request: async (to, protocol, request, options) => {
            const answer = await rpc.request(to, protocol, request, options)
            const { kind } = (bodyOf(request) ?? {}) as Partial<CatchUpRequest>
            const namesRemovals = kind === 'witness' || kind === 'accepted'
            return namesRemovals ? { ...(answer as object), removals: 'none' } : answer
          },
        }),
    },
  },
  {
    name: 'comparison finds nothing',
    rule: 'R11: a voter whose log does not tell of everything counts as followed',
    variant: {
      rpc: (rpc, { store }) =>
        overriding(rpc, {
          request: async (to, protocol, request, options) => {
            const answer = await rpc.request(to, protocol, request, options)
            const body = bodyOf(request) as CatchUpRequest | undefined
            if (body?.kind !== 'digests') return answer
            const { dbUuid } = (answer as DigestsAnswer).cursor
            const rows = store.learnedDigests(body.afterKey, body.limit)
            return { cursor: { dbUuid, sequence: 0 }, rows } satisfies DigestsAnswer
          },
        }),
    },
  },
  {
    name: 'row on its way out counts as gone',
    rule: 'R9, R12: while a removal is being written, lists show what was chosen before it',
    variant: { storage: withHastyRemovals, rpc: deafToNotices },
  },
]

/** A store that is not asked to learn what it is about to remove. */
function withHastyRemovals(store: RegisterStore): RegisterStore {
  const removed = new RemovedKeys()
  return overriding(store, {
    remove: (key, floor) => removed.cover(key, floor, () => store.remove(key, floor)),
    learn: (key, row) => (removed.covers(key, row.ballot) ? Promise.resolve() : store.learn(key, row)),
  })
}
