/** `serac start`. */
import { destination } from 'pino'
import { systemClock } from '../../cluster/runtime.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import { loadConfig } from '../config/load.ts'
import { startDaemon } from '../daemon.ts'
import { type CliIo, EXIT_FAILED } from './cli-io.ts'
import { createLog } from './log.ts'
import { runUntilStopped } from './run-until-stopped.ts'

const STDOUT = 1

/** Runs the node until a signal; resolves with the exit code. */
export async function startCommand(paths: ConfigPaths, io: CliIo): Promise<number> {
  const { config } = await loadConfig(paths, io.environment)
  const { debug, logFormat } = config.default
  // Synchronous, so that the last words before an exit are not lost.
  const log = createLog(systemClock, destination({ dest: STDOUT, sync: true }), { debug, format: logFormat })
  try {
    return await runUntilStopped(() => startDaemon(config, log), process, { clock: systemClock, log })
  } catch (error) {
    log.error({ err: error }, 'could not start')
    io.complain(`serac: could not start: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT_FAILED
  }
}
