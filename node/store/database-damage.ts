/** What LevelDB cannot read any more, and how a database is made anew beside it. */
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../cluster/errors.ts'
import { Database } from './database.ts'
import { syncDirectory } from './durable-file.ts'

/**
 * What LevelDB says of tables that are broken, torn or gone; all else (too many open files, a full disk, no permission) may
 * pass, and the database with it.
 */
const DAMAGE = /corruption|does not exist|no such file|invalid argument|input\/output error/i

/** Whether a database that fails like this is beyond reading. */
export function isDatabaseDamage(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  if (code?.startsWith('LEVEL_')) return DAMAGE.test(message ?? '')
  if (!hasCode(error, 'DATABASE_UNREADABLE')) return false
  return DAMAGE.test(message ?? '') || (error as { cause?: { code?: string } }).cause?.code === 'ENOENT'
}

/** Where the one that could not be read is kept, for whoever wants to look at it; the one before it goes. */
export function damagedName(name: string): string {
  return `${name}.damaged`
}

/**
 * Makes the database `name` anew: `fill` gets an empty one, which takes the place of the damaged one when it is whole. A
 * crash on the way leaves the damaged one, or none: the next start leads here again.
 */
export async function replaceDatabase<T>(
  directory: string,
  name: string,
  fill: (database: Database) => Promise<T>,
): Promise<T> {
  const [place, draft, damaged] = [name, `${name}.draft`, damagedName(name)].map((each) =>
    join(directory, each),
  ) as [string, string, string]
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft)
  const filled = await fillDraft(draft, fill)
  if (await movedAside(place, `${damaged}.new`)) {
    await rm(damaged, { recursive: true, force: true })
    await rename(`${damaged}.new`, damaged)
  }
  await rename(draft, place)
  await syncDirectory(directory)
  return filled
}

async function fillDraft<T>(path: string, fill: (database: Database) => Promise<T>): Promise<T> {
  const database = await Database.open(path, { createIfMissing: true })
  try {
    return await fill(database)
  } finally {
    await database.close()
  }
}

/** False when there is nothing to move. */
async function movedAside(from: string, to: string): Promise<boolean> {
  await rm(to, { recursive: true, force: true })
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
