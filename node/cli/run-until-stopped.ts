/** The life of the daemon process: up, until a signal or a defect ends it. */
import { type EventEmitter, once } from 'node:events'
import { type Clock, type Log, sleep } from '../../cluster/runtime.ts'
import { EXIT_FAILED, EXIT_OK } from './cli-io.ts'

/** What `startDaemon` gives back. */
export interface RunningDaemon {
  stop(): Promise<void>
}

/** Under the 90 s after which systemd kills; long enough for uploads to be ended in order. */
const STOP_LIMIT_MS = 30_000
const STOP_SIGNALS = ['SIGTERM', 'SIGINT']
const DEFECTS = ['unhandledRejection', 'uncaughtException']

/**
 * Starts, and stops in order at SIGTERM or SIGINT; resolves with the exit code. A second signal or a stop that hangs ends
 * it at once, and so does an error that nobody handled: the state behind it is unknown, and the store is built to be cut
 * off. Rejects when the start fails.
 */
export async function runUntilStopped(
  start: () => Promise<RunningDaemon>,
  signals: EventEmitter,
  components: { clock: Clock; log: Log },
): Promise<number> {
  const firstSignal = nextSignal(signals)
  return Promise.race([
    runInOrder(start, firstSignal, components.log),
    forcedStop(firstSignal, signals, components),
    defect(signals, components.log),
  ])
}

async function runInOrder(
  start: () => Promise<RunningDaemon>,
  signal: Promise<string>,
  log: Log,
): Promise<number> {
  const daemon = await start()
  log.info({}, 'serac is up')
  log.info({ signal: await signal }, 'stopping')
  try {
    await daemon.stop()
  } catch (error) {
    log.error({ err: error }, 'could not stop in order')
    return EXIT_FAILED
  }
  log.info({}, 'stopped')
  return EXIT_OK
}

async function forcedStop(
  firstSignal: Promise<string>,
  signals: EventEmitter,
  { clock, log }: { clock: Clock; log: Log },
): Promise<number> {
  await firstSignal
  const reason = await Promise.race([
    nextSignal(signals).then(() => 'a second signal came'),
    sleep(clock, STOP_LIMIT_MS).then(() => `stopping took longer than ${STOP_LIMIT_MS / 1000} s`),
  ])
  log.error({}, `ending at once: ${reason}`)
  return EXIT_FAILED
}

async function defect(events: EventEmitter, log: Log): Promise<number> {
  const error: unknown = await Promise.race(
    DEFECTS.map((name) => once(events, name).then(([first]) => first as unknown)),
  )
  log.error({ err: error }, 'ending at once: an error that nobody handled')
  return EXIT_FAILED
}

function nextSignal(signals: EventEmitter): Promise<string> {
  return Promise.race(STOP_SIGNALS.map((signal) => once(signals, signal).then(() => signal)))
}
