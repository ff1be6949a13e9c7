/** The life of the daemon process: up, until a signal or a defect ends it. */
import { type EventEmitter, once } from 'node:events'
import { type Clock, type Log, sleep } from '../../cluster/runtime.ts'
import { EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import type { ServiceManager } from './service/service-manager.ts'
import { type ReportedNode, ServiceReport } from './service/service-report.ts'

/** What `startDaemon` gives back. */
export interface RunningDaemon extends ReportedNode {
  stop(): Promise<void>
}

export interface RunComponents {
  clock: Clock
  log: Log
  manager: ServiceManager
  /** What the configuration gives to transfers that are under way, the announcement before included. */
  transfersMs: number
}

/** Beyond what transfers may take: for requests of operators, loops and the store. */
export const STOP_MARGIN_MS = 20_000
const STOP_SIGNALS = ['SIGTERM', 'SIGINT']
const RELOAD_SIGNAL = 'SIGHUP'
const DEFECTS = ['unhandledRejection', 'uncaughtException']

/**
 * Starts, and stops in order at SIGTERM or SIGINT; resolves with the exit code. A second signal or a stop that hangs ends
 * it at once, and so does an error that nobody handled: the state behind it is unknown, and the store is built to be cut
 * off. SIGHUP has it read some of its files again. The service manager is told. Rejects when the start fails.
 */
export async function runUntilStopped(
  start: () => Promise<RunningDaemon>,
  signals: EventEmitter,
  components: RunComponents,
): Promise<number> {
  const firstSignal = nextSignal(signals)
  return Promise.race([
    runInOrder(start, firstSignal, signals, components),
    forcedStop(firstSignal, signals, components),
    defect(signals, components.log),
  ])
}

async function runInOrder(
  start: () => Promise<RunningDaemon>,
  signal: Promise<string>,
  signals: EventEmitter,
  components: RunComponents,
): Promise<number> {
  const { log } = components
  const report = new ServiceReport(components)
  let daemon: RunningDaemon | null = null
  // From the beginning: without a listener the signal ends the process.
  signals.on(RELOAD_SIGNAL, () => void (daemon && report.reload(daemon)))
  void report.starting()
  daemon = await start()
  void report.up(daemon)
  log.info({}, 'serac is up')
  log.info({ signal: await signal }, 'stopping')
  report.stopping()
  try {
    await daemon.stop()
  } catch (error) {
    log.error({ err: error }, 'could not stop in order')
    return EXIT_FAILED
  } finally {
    report.ended()
  }
  log.info({}, 'stopped')
  return EXIT_OK
}

async function forcedStop(
  firstSignal: Promise<string>,
  signals: EventEmitter,
  { clock, log, transfersMs }: RunComponents,
): Promise<number> {
  await firstSignal
  const limitMs = transfersMs + STOP_MARGIN_MS
  const reason = await Promise.race([
    nextSignal(signals).then(() => 'a second signal came'),
    sleep(clock, limitMs).then(() => `stopping took longer than ${limitMs / 1000} s`),
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
