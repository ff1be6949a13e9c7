/**
 * Opens `meta/`. One that LevelDB cannot read is lost, and every vote with it: it is set aside for an empty one that may
 * not vote before the others have let this node in again (R8), if there are others. What they know comes back with it.
 */
import { writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { hasCode } from '../../cluster/errors.ts'
import type { Log, Random } from '../../cluster/runtime.ts'
import { releaseBallast } from './ballast.ts'
import { damagedName, isDatabaseDamage, replaceDatabase } from './database-damage.ts'
import { Database } from './database.ts'
import { makeDirectory, readIfPresent } from './durable-file.ts'
import { RegisterStore, type RegisterStoreOptions } from './register-store.ts'
import type { RegisterScan } from './register-scan.ts'
import { StoreError } from './store-error.ts'

export interface RegistersComponents {
  random: Random
  log: Log
  scan?: (path: string) => RegisterScan
}

export interface RegistersOptions extends RegisterStoreOptions {
  directory: string
  /** Whether other voters are known, which have all that was acknowledged: else registers that cannot be read are an error. */
  registersElsewhere?: boolean
  forgetVotes?: boolean
}

export interface OpenRegisters {
  meta: Database
  registers: RegisterStore
  /** What was in them could not be read. */
  areLost: boolean
}

export const META_DIRECTORY = 'meta'
export const BALLAST_FILE = 'ballast'
const PID_FILE = 'PID'

/**
 * `onLocked` is called when the directory is this process's own, before anything is written. Nothing stays open when it
 * fails. Throws StoreError.
 */
export async function openRegisters(
  components: RegistersComponents,
  options: RegistersOptions,
  { isNew, onLocked }: { isNew: boolean; onLocked: (meta: Database) => Promise<void> },
): Promise<OpenRegisters> {
  const { directory, onFound = () => {}, registersElsewhere, forgetVotes } = options
  const told: string[] = []
  const tell: typeof onFound = (key, row) => {
    told.push(key)
    onFound(key, row)
  }
  const open = () => openOnce(components, { ...options, onFound: tell }, isNew, onLocked)
  try {
    return { ...(await open()), areLost: false }
  } catch (error) {
    if (isNew || !isDatabaseDamage(error)) throw error
    if (!registersElsewhere && !forgetVotes) throw lostForGood(directory, error)
    components.log.error(
      { error: String(error), kept: damagedName(META_DIRECTORY) },
      'the registers cannot be read: the other nodes have them, and let this one vote again',
    )
    await replaceDatabase(directory, META_DIRECTORY, (database) => forgetAll(database, components))
    for (const key of told) onFound(key, null)
    return { ...(await open()), areLost: true }
  }
}

async function openOnce(
  { random, log, scan }: RegistersComponents,
  options: RegistersOptions,
  isNew: boolean,
  onLocked: (meta: Database) => Promise<void>,
): Promise<{ meta: Database; registers: RegisterStore }> {
  const meta = await openMeta(options.directory, isNew, log)
  try {
    await onLocked(meta)
    const path = join(options.directory, META_DIRECTORY)
    const parts = { database: meta, random, log, ...(scan && { scan: scan(path) }) }
    return { meta, registers: await RegisterStore.open(parts, options) }
  } catch (error) {
    await meta.close()
    throw error
  }
}

/** An empty database that knows that it has lost votes: one that does not could found the cluster anew. */
async function forgetAll(database: Database, { random, log }: RegistersComponents): Promise<void> {
  const registers = await RegisterStore.open({ database, random, log })
  await registers.renewIdentity(false)
  await registers.close()
}

/**
 * The kernel drops the lock of `meta/` when the process ends, however it ends, and it holds between containers that
 * share the directory. Nothing in this process may ever open that lock file: closing it would give the lock away.
 */
async function openMeta(directory: string, isNew: boolean, log: Log): Promise<Database> {
  const path = join(directory, META_DIRECTORY)
  if (isNew) await makeDirectory(path)
  try {
    const meta = await openWithRoom(path, directory, isNew, log)
    // For messages only: a disk that is full must not keep the node from starting.
    await writeFile(join(directory, PID_FILE), `${process.pid} on ${hostname()}\n`).catch(() => {})
    return meta
  } catch (error) {
    if (!hasCode(error, 'STORE_LOCKED')) throw error
    const holder = (await readIfPresent(join(directory, PID_FILE)))?.trim() ?? 'unknown'
    const message = `${directory} is in use by another process (pid ${holder}): stop that one first`
    throw new StoreError('STORE_LOCKED', message, { directory, holder }, error)
  }
}

/** A full disk must not keep a database from being opened: the ballast is given up for it. */
export async function openWithRoom(
  path: string,
  directory: string,
  createIfMissing: boolean,
  log: Log,
): Promise<Database> {
  try {
    return await Database.open(path, { createIfMissing })
  } catch (error) {
    const isFull = hasCode(error, 'DATABASE_UNREADABLE') && /no space left/i.test(error.message)
    if (!isFull || !(await releaseBallast(join(directory, BALLAST_FILE)))) throw error
    log.warn({ path }, 'the disk is full: the ballast was given up to open the database')
    return Database.open(path, { createIfMissing })
  }
}

function lostForGood(directory: string, cause: unknown): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const message =
    `the registers in ${join(directory, META_DIRECTORY)} cannot be read, and initial_members names no other node ` +
    `that has them (${why}). If other voters are up, run "serac repair --forget-votes" here, then "serac join" with an ` +
    `invite. If this is the only voter, put the files back from a backup: nobody else has what was in them`
  return new StoreError('DATABASE_UNREADABLE', message, { directory }, cause)
}
