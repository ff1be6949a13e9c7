/**
 * The scan of a start in a thread of its own: while it reads, checks and hashes the rows, the event loop decodes the
 * records and builds the index, so that with a second core a start takes half of the time.
 */
import { on } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { startThread } from '../../cluster/worker-thread.ts'
import type { RegisterScan, ScanPage, VotesFound } from './register-scan.ts'

/** What the thread gets as its `workerData`. */
export interface ScanTask {
  /** Of the database, which this process has open. */
  path: string
}

/** What the thread says. It is answered, by any message, when a page was worked on. */
export type ScanMessage = ScanPage | { kind: 'done'; votes: VotesFound }

/**
 * Scans the database at `path` in a thread. The database must be open, and stay so until the scan has ended: it is shared
 * with the thread. Also rejects when the thread dies; it is gone in any case when the promise settles.
 */
export function scanInThread(path: string, start: (task: ScanTask) => Worker = startScan): RegisterScan {
  return async (onPage) => {
    const thread = start({ path })
    try {
      return await votesFrom(thread, onPage)
    } finally {
      await thread.terminate()
    }
  }
}

function startScan(task: ScanTask): Worker {
  return startThread('scan-worker', import.meta.url, task)
}

async function votesFrom(thread: Worker, onPage: (page: ScanPage) => void): Promise<VotesFound> {
  // Messages that are there already come before an error or the end.
  for await (const [message] of on(thread, 'message', { close: ['exit'] }) as AsyncIterable<[ScanMessage]>) {
    if (message.kind === 'done') return message.votes
    onPage(message)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage('done with a page')
    // Signals and timers, which would else wait for as long as messages come.
    await setImmediate()
  }
  throw new Error('the thread that reads the registers has died: start again')
}
