/** What a disk holds of votes, read past the process: how the harness knows what a fault would do. */
import { unseal } from '../../../node/store/codec.ts'
import { KEYSPACES } from '../../../node/store/keyspaces.ts'
import { witnessRows } from '../../../node/store/register-rows.ts'
import type { VoterIdentity } from '../../../cluster/register/storage.ts'
import type { SimDisk } from './sim-disk.ts'

const tagOf = (name: string) => name.charCodeAt(0)

/** Names of the rows that hold votes: of all, or of the one on `key`. */
export function voteRowNames(disk: SimDisk, key?: string): string[] {
  const names = disk.names().filter((name) => tagOf(name) === KEYSPACES.acceptor.tag)
  return key === undefined ? names : names.filter((name) => name.slice(1) === key)
}

/** The highest vote sequence of `past`'s database that this disk has noted. */
export function witnessedSequence(disk: SimDisk, peer: string, { dbUuid }: VoterIdentity): number {
  let highest = -1
  for (const name of disk.names()) {
    if (tagOf(name) !== KEYSPACES.witness.tag) continue
    const key = Buffer.from(name, 'latin1')
    const witness = witnessRows.parseKey(key.subarray(1))
    if (witness.peer === peer && witness.dbUuid === dbUuid)
      highest = Math.max(highest, sequenceIn(key, disk.row(name)))
  }
  return highest
}

function sequenceIn(key: Buffer, stored: Buffer | undefined): number {
  try {
    return stored ? witnessRows.decode(unseal(key, stored).payload) : -1
  } catch {
    return -1
  }
}
