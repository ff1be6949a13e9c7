/** Bugs of the voting right: nodes that vote although they have forgotten, or cannot read, what they voted. */
import { contentHash } from '../../../cluster/content-hash.ts'
import type { PeerRpc } from '../../../cluster/network/rpc-port.ts'
import type { CatchUpRequest, WitnessAnswer } from '../../../cluster/register/vote-messages.ts'
import { unseal } from '../../../node/store/codec.ts'
import { Database } from '../../../node/store/database.ts'
import { RegisterTables } from '../../../node/store/register-tables.ts'
import { VoteAccumulator, voteHash } from '../../../node/store/vote-accumulator.ts'
import { overriding, type LifeParts } from '../cluster/variant.ts'
import { SimLevel } from '../disk/sim-level.ts'
import { voteRowNames } from '../disk/stored-votes.ts'
import { bodyOf, type Mutant } from './mutant.ts'

const UUID_DIGITS = 32

export const amnesiaMutants: readonly Mutant[] = [
  {
    name: 'voting after amnesia',
    rule: 'R8: a lost disk goes unnoticed, since the database is named after the node',
    variant: {
      storage: (store, { self }) =>
        overriding(store, { identity: () => ({ ...store.identity(), dbUuid: uuidOf(self) }) }),
      rpc: (rpc) => withoutWitnesses(rpc),
    },
  },
  {
    name: 'voting after a rollback',
    rule: 'R8: nobody says how far the votes of a database had come',
    variant: { rpc: (rpc) => withoutWitnesses(rpc) },
  },
  {
    name: 'voting with a flipped bit',
    rule: 'R1: votes that cannot be read are dropped, and the node votes on',
    variant: { beforeOpen: (parts) => blessVotes(parts, true) },
  },
  {
    name: 'voting with a lost row',
    rule: 'R1: nobody compares the votes with what was written',
    variant: { beforeOpen: (parts) => blessVotes(parts, false) },
  },
]

function withoutWitnesses(rpc: PeerRpc): PeerRpc {
  return overriding(rpc, {
    request: async (to, protocol, request, options) => {
      const answer = await rpc.request(to, protocol, request, options)
      const isWitness = (bodyOf(request) as CatchUpRequest | undefined)?.kind === 'witness'
      return isWitness ? { ...(answer as WitnessAnswer), seen: [] } : answer
    },
  })
}

function uuidOf(self: string): string {
  return contentHash(Buffer.from(self)).toString('hex').slice(0, UUID_DIGITS)
}

/** Makes the accumulator fit whatever votes are there; damaged ones go first, or the accumulator stays as it is. */
function blessVotes(parts: LifeParts, dropsDamaged: boolean): void {
  const { disk } = parts
  const tables = new RegisterTables(new Database(new SimLevel(parts)))
  const accumulator = new VoteAccumulator()
  for (const name of voteRowNames(disk)) {
    const key = Buffer.from(name, 'latin1')
    const stored = disk.row(name) as Buffer
    if (isReadable(key, stored)) accumulator.toggle(voteHash(key, stored))
    else if (dropsDamaged) disk.damage(name, () => null)
    else return
  }
  const state = readState(tables)
  if (!state) return
  const row = tables.voteStateRow({ ...state, accumulator: accumulator.bytes() })
  if (row.type === 'put') disk.damage(row.key.toString('latin1'), () => row.value)
}

function isReadable(key: Buffer, stored: Buffer): boolean {
  try {
    unseal(key, stored)
    return true
  } catch {
    return false
  }
}

function readState(tables: RegisterTables) {
  try {
    return tables.voteState()
  } catch {
    return null
  }
}
