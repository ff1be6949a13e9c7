/** What a stopped node has on its disk of its registers, to look at and to damage. */
import { join } from 'node:path'
import { Database } from '../../node/store/database.ts'
import { changeRows } from '../../node/store/register-rows.ts'
import { RegisterTables } from '../../node/store/register-tables.ts'
import { Table } from '../../node/store/table.ts'

/** Throws STORE_LOCKED while the node runs. */
async function withMeta<T>(directory: string, use: (database: Database) => Promise<T>): Promise<T> {
  const database = await Database.open(join(directory, 'meta'), { createIfMissing: false })
  try {
    return await use(database)
  } finally {
    await database.close()
  }
}

/** The identity of its database. */
export function dbUuidIn(directory: string): Promise<string | undefined> {
  return withMeta(directory, async (database) => new RegisterTables(database).voteState()?.dbUuid)
}

export function voteCountIn(directory: string): Promise<number> {
  return withMeta(directory, async (database) => {
    let count = 0
    for await (const _row of new RegisterTables(database).acceptors.scan()) count++
    return count
  })
}

/** Leaves the newest `kept` entries of its change log, as if it had been bounded so. */
export function trimChangeLog(directory: string, kept: number): Promise<void> {
  return withMeta(directory, async (database) => {
    const changes = new Table(database, changeRows)
    const sequences: number[] = []
    for await (const { key } of changes.scan()) sequences.push(key)
    await database.write(sequences.slice(0, -kept).map((sequence) => changes.del(sequence)))
  })
}

/** Flips one bit in the middle of the vote on register `key`. */
export function flipVote(directory: string, key: string): Promise<void> {
  return withMeta(directory, async (database) => {
    const storedKey = new RegisterTables(database).acceptors.storedKey(key)
    const stored = database.get(storedKey)
    if (!stored) throw new Error(`there is no vote on ${key} in ${directory}`)
    const value = Buffer.from(stored)
    const middle = value.length >> 1
    value.writeUInt8(value.readUInt8(middle) ^ 1, middle)
    await database.write([{ type: 'put', key: storedKey, value }])
  })
}

/** Takes the vote on register `key` away. */
export function loseVote(directory: string, key: string): Promise<void> {
  return withMeta(directory, async (database) => {
    const { acceptors } = new RegisterTables(database)
    if (!acceptors.has(key)) throw new Error(`there is no vote on ${key} in ${directory}`)
    await database.write([acceptors.del(key)])
  })
}

/** Takes what was learned of register `key` away; its vote stays, and so does how far the others were followed. */
export function loseLearned(directory: string, key: string): Promise<void> {
  return withMeta(directory, async (database) => {
    const { learners } = new RegisterTables(database)
    if (!learners.has(key)) throw new Error(`nothing was learned of ${key} in ${directory}`)
    await database.write([learners.del(key)])
  })
}
