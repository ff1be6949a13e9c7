/** Waits for what no event tells of. */
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_INTERVAL_MS = 1

/**
 * Resolves soon after `holds`, however long that takes: real files, sockets and threads need turns and time that no fake clock
 * knows. The test's own time limit is the bound.
 */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(POLL_INTERVAL_MS)
}
