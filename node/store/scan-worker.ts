/** The thread that reads the registers at a start; see scan-thread.ts. It ends when it has told everything. */
import { parentPort, workerData } from 'node:worker_threads'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import { Database } from './database.ts'
import { scanRegisters, type ScanPage, type VotesFound } from './register-scan.ts'
import { RegisterTables } from './register-tables.ts'
import type { ScanMessage, ScanTask } from './scan-thread.ts'

/** Pages of some 256 KiB that wait for the event loop, at the most: it must not wait for the thread, nor memory fill. */
const PAGES_AHEAD = 8

const { path } = workerData as ScanTask
const room = new Semaphore(PAGES_AHEAD)
const pagesOut: (() => void)[] = []

function tell(message: ScanMessage): void {
  const moved = message.kind === 'learned' ? [message.values.buffer] : []
  parentPort?.postMessage(message, moved)
}

async function tellPage(page: ScanPage): Promise<void> {
  pagesOut.push(await room.acquire())
  tell(page)
}

async function scan(): Promise<VotesFound> {
  const database = await Database.open(path, { createIfMissing: false })
  try {
    return await scanRegisters(new RegisterTables(database), tellPage)
  } finally {
    await database.close()
  }
}

parentPort?.on('message', () => pagesOut.shift()?.())
tell({ kind: 'done', votes: await scan() })
parentPort?.close()
