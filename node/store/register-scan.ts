/**
 * What a start reads of `meta/`: every learner row, for memory and for what is built from it, and every vote, hashed into
 * one accumulator (R1). Told in pages that can be handed from thread to thread at little cost: columns of plain values,
 * and all values in one piece of memory.
 */
import type { Ballot } from '../../cluster/register/ballot.ts'
import type { LearnerRow } from '../../cluster/register/storage.ts'
import { BallotPool } from './ballot-pool.ts'
import { headOf } from './register-batch.ts'
import type { RegisterTables } from './register-tables.ts'
import type { Scanned } from './table.ts'
import { VoteAccumulator } from './vote-accumulator.ts'

/** Learner rows in key order, item by item. */
export interface LearnedPage {
  kind: 'learned'
  keys: string[]
  ballots: Ballot[]
  digests: string[]
  settled: boolean[]
  /** One after the other. */
  values: Uint8Array<ArrayBuffer>
  /** Where each value ends in `values`. */
  ends: number[]
  /** Keys whose rows cannot be read. */
  damaged: string[]
}

/** What acceptors hold, item by item; of votes that are damaged, as far as it can be told. */
export interface VotedPage {
  kind: 'voted'
  keys: string[]
  ballots: Ballot[]
  digests: string[]
}

export type ScanPage = LearnedPage | VotedPage

/** All votes together. */
export interface VotesFound {
  accumulator: Uint8Array
  isEmpty: boolean
}

/** Reads everything there is; `onPage` is told of it as it comes. Rejects when the database cannot be read. */
export type RegisterScan = (onPage: (page: ScanPage) => void) => Promise<VotesFound>

/** The scan itself. `onPage` is awaited: learner rows wait for it without holding up votes, and the other way round. */
export async function scanRegisters(
  tables: RegisterTables,
  onPage: (page: ScanPage) => Promise<void> | void,
): Promise<VotesFound> {
  const learned = scanLearned(tables, onPage)
  const votes = scanVotes(tables, onPage)
  // When one fails, nothing may still be reading: whoever called closes the database.
  await Promise.allSettled([learned, votes])
  await learned
  return votes
}

/** The learner rows of a page. Each value is a window on the page: whoever keeps one keeps all of it. */
export function* learnedRows(page: LearnedPage): Generator<[key: string, row: LearnerRow]> {
  const { keys, ballots, digests, settled, values, ends } = page
  let from = 0
  for (let i = 0; i < keys.length; i++) {
    const end = ends[i] as number
    const value = values.subarray(from, end)
    from = end
    yield [
      keys[i] as string,
      { ballot: ballots[i] as Ballot, digest: digests[i] as string, settled: settled[i] as boolean, value },
    ]
  }
}

async function scanLearned(
  tables: RegisterTables,
  onPage: (page: LearnedPage) => Promise<void> | void,
): Promise<void> {
  const pool = new BallotPool()
  for await (const rows of tables.learners.pages()) await onPage(learnedPage(rows, pool))
}

/** A ballot that rows share goes from thread to thread once for each page. */
function learnedPage(rows: readonly Scanned<string, LearnerRow>[], pool: BallotPool): LearnedPage {
  const page = { keys: [], ballots: [], digests: [], settled: [], ends: [], damaged: [] }
  const found: LearnedPage = { kind: 'learned', ...page, values: new Uint8Array(bytesOf(rows)) }
  let end = 0
  for (const row of rows) {
    if (row.damaged) {
      found.damaged.push(row.key)
      continue
    }
    const { ballot, digest, settled, value } = row.value
    found.keys.push(row.key)
    found.ballots.push(pool.shared(ballot))
    found.digests.push(digest)
    found.settled.push(settled)
    found.values.set(value, end)
    end += value.length
    found.ends.push(end)
  }
  return found
}

function bytesOf(rows: readonly Scanned<string, LearnerRow>[]): number {
  return rows.reduce((sum, row) => sum + (row.damaged ? 0 : row.value.value.length), 0)
}

async function scanVotes(
  tables: RegisterTables,
  onPage: (page: VotedPage) => Promise<void> | void,
): Promise<VotesFound> {
  const pool = new BallotPool()
  let isEmpty = true
  const accumulator = await VoteAccumulator.over(tables.acceptors.storedPages(), (rows) => {
    isEmpty = false
    const page: VotedPage = { kind: 'voted', keys: [], ballots: [], digests: [] }
    for (const { key, value } of rows) {
      const head = value && headOf(value)
      if (!head) continue
      page.keys.push(key)
      page.ballots.push(pool.shared(head.ballot))
      page.digests.push(head.digest)
    }
    return onPage(page)
  })
  return { accumulator: accumulator.bytes(), isEmpty }
}
