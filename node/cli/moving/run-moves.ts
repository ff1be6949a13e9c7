/** What all commands that move images share: progress while they work, and a report at the end, of broken runs as well. */
import { type CliIo, EXIT_FAILED, EXIT_NOT_ASKED, EXIT_OK, NotAskedError } from '../cli-io.ts'
import type { StatusFormat } from '../status-view.ts'
import { MovingProgress } from './moving-progress.ts'
import { isComplete, renderReport, reportOf, type MovedLine } from './moving-report.ts'

export interface Moves {
  /** For people. */
  from: string
  to: string
  format: StatusFormat
  io: CliIo
}

/** By image id. */
export type MovedLines = Map<string, MovedLine>

/**
 * Answers the exit code of the process. `work` notes what comes of each image; when it throws NotAskedError, the run is reported
 * as far as it came. Throws whatever else it throws.
 */
export async function runMoves(
  { from, to, format, io }: Moves,
  work: (progress: MovingProgress, lines: MovedLines) => Promise<void>,
): Promise<number> {
  const startedAt = new Date().toISOString()
  const progress = new MovingProgress(io)
  const lines: MovedLines = new Map()
  let broken: Error | null = null
  try {
    await work(progress, lines)
  } catch (error) {
    if (!(error instanceof NotAskedError)) throw error
    broken = error
  } finally {
    progress.end()
  }
  const { seconds, bytesSent } = progress
  const report = reportOf({ from, to, startedAt, seconds, bytesSent }, [...lines.values()])
  io.print(renderReport(report, format))
  if (!broken) return isComplete(report) ? EXIT_OK : EXIT_FAILED
  io.complain(`serac: ${broken.message}; start it again to go on.\n`)
  return EXIT_NOT_ASKED
}
