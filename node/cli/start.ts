/** `serac start`. */
import { destination } from 'pino'
import { systemClock } from '../../cluster/runtime.ts'
import { collectWithoutHelpers } from '../../cluster/young-garbage.ts'
import type { ConfigPaths } from '../config/config-files.ts'
import { loadConfig } from '../config/load.ts'
import { boundHeapGrowth, relaxHeapGrowth } from '../composition/heap-growth.ts'
import { startDaemon } from '../daemon.ts'
import { type CliIo, EXIT_FAILED } from './cli-io.ts'
import { createLog } from './log.ts'
import { runUntilStopped } from './run-until-stopped.ts'
import { serviceManagerOf } from './service/service-manager.ts'

const STDOUT = 1
/** Lines are gathered up to this size, bytes, ... */
const LOG_BUFFER_BYTES = 4096
/** ... and for this long, ms: a write for each would cost a busy node a tenth of its time. */
const LOG_FLUSH_EVERY_MS = 20

/** Runs the node until a signal; resolves with the exit code. */
export async function startCommand(paths: ConfigPaths, io: CliIo): Promise<number> {
  collectWithoutHelpers()
  boundHeapGrowth()
  const { config } = await loadConfig(paths, io.environment)
  const { debug, logFormat, shutdownDelay, gracefulShutdownTimeout } = config.default
  const sink = destination({
    dest: STDOUT,
    sync: true,
    minLength: LOG_BUFFER_BYTES,
    periodicFlush: LOG_FLUSH_EVERY_MS,
  })
  // A disk that takes no log line, full or broken, must not end the node; what was not written is tried again.
  sink.on('error', () => {})
  // The last words before an exit are not lost.
  process.once('exit', () => sink.flushSync())
  const log = createLog(systemClock, sink, { debug, format: logFormat })
  const manager = serviceManagerOf(io.environment, log)
  try {
    const start = async () => {
      const daemon = await startDaemon(config, log)
      relaxHeapGrowth()
      return daemon
    }
    return await runUntilStopped(start, process, {
      clock: systemClock,
      log,
      manager,
      transfersMs: shutdownDelay + gracefulShutdownTimeout,
    })
  } catch (error) {
    log.error({ err: error }, 'could not start')
    io.complain(`serac: could not start: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT_FAILED
  }
}
