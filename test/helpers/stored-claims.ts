/** What a stopped node's chunk index says about who wants its chunks. */
import { join } from 'node:path'
import { Database } from '../../node/store/database.ts'
import { type Keyspace, KEYSPACES, rangeOf } from '../../node/store/keyspaces.ts'

/** Rows in the chunk index. */
export interface StoredClaims {
  references: number
  pins: number
}

/** `nodeDirectory` is the state_path; its node must not run. */
export async function storedClaims(nodeDirectory: string): Promise<StoredClaims> {
  const database = await Database.open(join(nodeDirectory, 'chunks'), { createIfMissing: false })
  const count = async (space: Keyspace) => {
    let rows = 0
    for await (const _ of database.keys(rangeOf(space))) rows++
    return rows
  }
  try {
    const pins = (await count(KEYSPACES.pin)) + (await count(KEYSPACES.uploadPin))
    return { references: await count(KEYSPACES.reference), pins }
  } finally {
    await database.close()
  }
}
