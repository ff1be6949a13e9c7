/**
 * Once a day all votes of this node are compared with what they should be together (rule R1): a row that rotted or went
 * missing is found even if nobody asks for it. A node that lost votes stops voting and is let in again by the others (R8).
 */
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'
import type { RegisterStore } from '../store/register-store.ts'
import { Loop } from './loop.ts'

export interface VoteAuditorComponents {
  clock: Clock
  log: Log
  store: Pick<RegisterStore, 'checkVotes' | 'isIntact'>
  /** Tells the registers that votes are missing or damaged. */
  onLost: (why: string) => void
}

const DAY_MS = 24 * 3_600_000
/** How often it looks whether a day is over. */
const TICK_MS = 600_000
/** After a page of 128 KiB, which takes some 2 ms: 100 000 votes in half a minute, and nobody notices. */
const PAGE_PAUSE_MS = 50

/** The loop; the start has just looked at everything, so its first check comes after a day. */
export function voteAuditor({ clock, log, store, onLost }: VoteAuditorComponents): Loop {
  let nextMs = clock.monotonicMs() + DAY_MS
  const options = { name: 'vote-auditor', everyMs: TICK_MS, retryMs: TICK_MS }
  return new Loop({ clock, log }, options, async (signal) => {
    if (clock.monotonicMs() < nextMs || !store.isIntact) return
    if (await store.checkVotes(() => sleep(clock, PAGE_PAUSE_MS, signal)))
      log.info({}, 'all votes are those that were written')
    else onLost('its vote rows are not those that were written')
    nextMs = clock.monotonicMs() + DAY_MS
  })
}
