/** Runs the compactor: unlinks dead segments and empties those that are mostly dead, one after the other. */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { SegmentCompactor } from '../store/segment-compactor.ts'
import { Loop, type LoopExtras } from './loop.ts'

export interface SegmentReaperComponents {
  clock: Clock
  log: Log
  compactor: Pick<SegmentCompactor, 'runOnce' | 'rate' | 'fixRate'>
  /** False until this node has caught up (R11), and while its store is not writable. */
  mayRun: () => boolean
}

/** A look costs nothing where there is nothing to do. */
const TICK_MS = 5000
/** A disk that is full now is not worth to be tried each tick. */
const RETRY_MS = 60_000

export function segmentReaper({ clock, log, compactor, mayRun }: SegmentReaperComponents): Loop {
  const options = { name: 'segment-reaper', everyMs: TICK_MS, retryMs: RETRY_MS }
  const rate: LoopExtras['rate'] = {
    describe: () => ({ unit: 'bytes', ...compactor.rate }),
    fix: (bytesPerSecond) => compactor.fixRate(bytesPerSecond),
  }
  const runOnce = async (signal: AbortSignal) => {
    while (mayRun() && !signal.aborted) {
      const freedBytes = await compactor.runOnce(signal)
      if (freedBytes === 0) return
      log.info({ freedBytes }, 'disk space came back')
    }
  }
  return new Loop({ clock, log }, options, runOnce, { rate })
}
