/**
 * Compares what this node has learned with what the voters know, register by register. Catch-up follows what is new;
 * nothing else would ever look again at a row that missed a change, went missing or holds another value (R11): such a row
 * is listed wrong until its register changes once more.
 */
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { compareBallots } from './ballot.ts'
import type { EpochFence } from './epoch-fence.ts'
import { isAnotherValue, isSameHead } from './learner-head.ts'
import { allVoters, voterSets } from './quorum.ts'
import { settleRow, type SettleRowComponents } from './settle-row.ts'
import { learnedAfter } from './stale-rows.ts'
import type { LearnerDigest, LearnerHead, RegisterStorage } from './storage.ts'
import type { CatchUpRequest, DigestsAnswer } from './vote-messages.ts'

export interface RowAuditComponents extends SettleRowComponents {
  config: ConfigView
  fence: EpochFence
}

/** A row that differs from another node's. Mostly a change is on its way: so it is looked at again later. */
export interface Suspect {
  key: string
  own: LearnerHead | null
}

export interface AuditedPage {
  suspects: Suspect[]
  /** Own rows that could not be read; they are learned anew. */
  damaged: number
  /** Rows of this node that were compared. */
  rows: number
  /** The place of the next page; null: that was the last. */
  afterKey: string | null
}

/** So many own rows are read from the disk in one turn of the event loop: some 5 ms. */
const PAGE_ROWS = 250
const PAGE_TIMEOUT_MS = 2000

export class RowAudit {
  readonly #components: RowAuditComponents

  constructor(components: RowAuditComponents) {
    this.#components = components
  }

  /** What rows are compared with: this node's own votes and disk first, then each other voter. */
  sources(): NodeId[] {
    const { self, config } = this.#components
    return [self, ...allVoters(voterSets(config.current())).filter((voter) => voter !== self)]
  }

  /** Compares a page of rows. Rejects as the control plane does, and with CORRUPT_VALUE when an own vote cannot be read. */
  page(source: NodeId, afterKey: string, signal: AbortSignal): Promise<AuditedPage> {
    return source === this.#components.self
      ? this.#ownPage(afterKey)
      : this.#peerPage(source, afterKey, signal)
  }

  /**
   * Looks at a row that differed a while ago. False when it was right, or has changed meanwhile; true when it was wrong: it
   * is then as a majority has it. Throws NO_QUORUM.
   */
  async mend({ key, own }: Suspect): Promise<boolean> {
    const { storage } = this.#components
    if (!isSameHead(storage.learnedHead(key), own)) return false
    await settleRow(this.#components, key)
    return !isSameHead(storage.learnedHead(key), own)
  }

  async #peerPage(voter: NodeId, afterKey: string, signal: AbortSignal): Promise<AuditedPage> {
    const { fence, config, storage } = this.#components
    const request: CatchUpRequest = { kind: 'digests', afterKey, limit: PAGE_ROWS }
    const options = { timeoutMs: PAGE_TIMEOUT_MS, signal }
    const { epoch } = config.current()
    const { rows } = (await fence.ask(voter, 'catch-up', request, epoch, options)) as DigestsAnswer
    const isLast = rows.length < PAGE_ROWS
    const pairs = [...pairRows(storage, afterKey, rows, isLast)]
    const suspects = pairs.filter(isSuspect).map(({ key, own }) => ({ key, own }))
    const next = isLast ? null : (rows.at(-1)?.key ?? null)
    return { suspects, damaged: 0, rows: pairs.length, afterKey: next }
  }

  /** A vote and the row that was learned from it were written together; and each row must be readable. */
  async #ownPage(afterKey: string): Promise<AuditedPage> {
    const { storage } = this.#components
    const learned = storage.learnedDigests(afterKey, PAGE_ROWS)
    const voted = await storage.acceptedAfter(afterKey, PAGE_ROWS)
    const ends = [learned, voted].flatMap((page) =>
      page.length === PAGE_ROWS ? (page.at(-1)?.key ?? []) : [],
    )
    const end = ends.toSorted()[0] ?? null
    const isWithin = ({ key }: { key: string }) => end === null || key <= end
    const rows = learned.filter(isWithin)
    const damaged = rows.filter(({ key }) => !storage.learned(key))
    // Looking at it was enough to have it forgotten; a lone voter hears of it from nobody else.
    for (const { key } of damaged) await settleRow(this.#components, key)
    const lacking = voted.filter((vote) => isWithin(vote) && isOlder(storage.learnedHead(vote.key), vote))
    const suspects = lacking.map(({ key }) => ({ key, own: storage.learnedHead(key) }))
    return { suspects, damaged: damaged.length, rows: rows.length, afterKey: end }
  }
}

interface Pair {
  key: string
  own: LearnerHead | null
  theirs: LearnerDigest | null
}

/** A page of another node's rows beside this node's own of the same range. */
export function* pairRows(
  storage: RegisterStorage,
  afterKey: string,
  rows: readonly LearnerDigest[],
  isLast: boolean,
): Generator<Pair> {
  for (const theirs of rows) yield { key: theirs.key, own: storage.learnedHead(theirs.key), theirs }
  const keys = new Set(rows.map(({ key }) => key))
  const endKey = rows.at(-1)?.key ?? afterKey
  for (const own of learnedAfter(storage, afterKey)) {
    if (!isLast && own.key > endKey) return
    if (!keys.has(own.key)) yield { key: own.key, own, theirs: null }
  }
}

/** What is not settled is not listed, and catch-up keeps looking at it. */
function isSuspect({ own, theirs }: Pair): boolean {
  if (!theirs) return own?.settled ?? false
  if (!theirs.settled || own?.settled === false) return false
  return isOlder(own, theirs) || isAnotherValue(own, theirs)
}

function isOlder(own: LearnerHead | null, theirs: Pick<LearnerHead, 'ballot'>): boolean {
  return !own || compareBallots(own.ballot, theirs.ballot) < 0
}
