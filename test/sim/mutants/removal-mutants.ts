/** Bugs of the removal of tombstones: ways in which what was deleted comes back. */
import { ZERO_BALLOT } from '../../../cluster/register/ballot.ts'
import { decodeValue } from '../../../cluster/register/register-value.ts'
import { overriding } from '../cluster/variant.ts'
import type { Mutant } from './mutant.ts'

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
]
