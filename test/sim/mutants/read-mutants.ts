/** Bugs of reads, lists and catch-up: what is served, and what is missed. */
import type { PeerRpc } from '../../../cluster/network/rpc-port.ts'
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import type { CatchUpRequest, ChangesAnswer } from '../../../cluster/register/vote-messages.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import { overriding } from '../cluster/variant.ts'
import { bodyOf, deafToNotices, type Mutant } from './mutant.ts'

export const readMutants: readonly Mutant[] = [
  {
    name: 'local value served as a strong read',
    rule: 'R5: a read answers from the rows of its own node',
    variant: {
      client: (client, { store }) =>
        overriding(client, { read: (key) => Promise.resolve(store.learned(key)) }),
    },
  },
  {
    name: 'list answered without catching up',
    rule: 'R5: a list does not ask a majority what is new',
    variant: { client: (client) => overriding(client, { freshen: () => Promise.resolve() }) },
  },
  {
    name: 'unsettled value listed',
    rule: 'R12: what was accepted here, chosen or not, is listed',
    variant: {
      isIndexed: () => true,
      storage: (store) => overriding(store, { unsettledKeys: () => [] }),
    },
  },
  {
    name: 'vote taken for what was chosen before the next',
    rule: 'R11, R12: a list leaves a vote open although what is chosen below it was never listed',
    variant: { storage: withVotesBefore, rpc: deafToNotices },
  },
  {
    name: 'catch-up skips a foreign cursor',
    rule: 'R11: a log that does not reach back far enough counts as read',
    variant: {
      rpc: (rpc) =>
        withPages(rpc, (page) => (page.trimmed ? { ...page, trimmed: false, entries: [] } : page)),
    },
  },
  {
    name: 'catch-up stops one entry short',
    rule: 'R11: the newest entry of a log is left for the next time',
    variant: {
      rpc: (rpc) =>
        withPages(rpc, (page) => ({ ...page, head: page.head - 1, entries: page.entries.slice(0, -1) })),
    },
  },
  {
    name: 'cursor passes an open vote',
    rule: 'R11: a vote that was seen before it was chosen is not looked at again',
    variant: {
      rpc: (rpc) =>
        withPages(rpc, (page) => ({
          ...page,
          entries: page.entries.map((entry) => ({ ...entry, isHeld: false })),
        })),
    },
  },
  {
    name: 'catch-up writes acceptor state',
    rule: 'R2: what was learned from others is taken for an own vote',
    variant: {
      storage: (store) =>
        overriding(store, {
          learn: async (key, row) => {
            const { ballot, value, digest } = row
            await store.vote(key, { promised: ballot, accepted: { ballot, value, digest } }, true)
            await store.learn(key, row)
          },
        }),
    },
  },
]

/** A store for which the row before a vote is what was chosen, whether it was or not. */
function withVotesBefore(store: RegisterStore): RegisterStore {
  const before = new Map<string, LearnerRow | null>()
  return overriding(store, {
    vote: (key, state, accepted) => {
      if (accepted) before.set(key, store.learned(key))
      return store.vote(key, state, accepted)
    },
    chosenBefore: (key) => (store.isSettled(key) ? undefined : before.get(key)),
  })
}

/** Tampers with the pages of change logs that this node reads. */
function withPages(rpc: PeerRpc, tamper: (page: ChangesAnswer) => ChangesAnswer): PeerRpc {
  return {
    handle: (protocol, handler) => rpc.handle(protocol, handler),
    request: async (to, protocol, request, options) => {
      const answer = await rpc.request(to, protocol, request, options)
      const isPage =
        protocol === 'catch-up' && (bodyOf(request) as CatchUpRequest | undefined)?.kind === 'changes'
      return isPage ? tamper(answer as ChangesAnswer) : answer
    },
  }
}
