/** Bugs at the disk: what is answered before it is durable, and what goes on after a failure. */
import type { AcceptorState } from '../../../cluster/register/storage.ts'
import { overriding } from '../cluster/variant.ts'
import type { Mutant } from './mutant.ts'

export const diskMutants: readonly Mutant[] = [
  {
    name: 'no sync before the answer',
    rule: 'R2: a vote is answered while a power cut can still take it back',
    variant: {
      level: (level) =>
        overriding(level, { batch: (operations) => level.batch(operations, { sync: false }) }),
    },
  },
  {
    name: 'votes go on after a failed write',
    rule: 'R2: after a failed write LevelDB shows what it will not have after a restart',
    variant: {
      level: (level) =>
        overriding(level, {
          batch: (operations, options) =>
            level.batch(operations, options).catch(() => level.batch(operations, options)),
        }),
    },
  },
  {
    name: 'votes known whose write failed',
    rule: 'R2: the acceptor goes by what it has in memory, and that is not what is on the disk',
    variant: {
      storage: (store) => {
        const last = new Map<string, AcceptorState>()
        return overriding(store, {
          vote: (key, state, accepted) => {
            last.set(key, state)
            return store.vote(key, state, accepted)
          },
          remove: (key, floor) => {
            last.delete(key)
            return store.remove(key, floor)
          },
          acceptorState: (key) => last.get(key) ?? store.acceptorState(key),
          accepted: (key) => last.get(key)?.accepted ?? store.accepted(key),
        })
      },
    },
  },
]
