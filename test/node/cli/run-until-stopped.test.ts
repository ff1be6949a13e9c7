import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { type Clock, silentLog, systemClock } from '../../../cluster/runtime.ts'
import { EXIT_FAILED, EXIT_OK } from '../../../node/cli/cli-io.ts'
import { runUntilStopped } from '../../../node/cli/run-until-stopped.ts'
import { NO_SERVICE_MANAGER } from '../../../node/cli/service/service-manager.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

function deferred<T>() {
  let resolve!: (value: T) => void
  let reject!: (reason: Error) => void
  const promise = new Promise<T>((onResolve, onReject) => ([resolve, reject] = [onResolve, onReject]))
  return { promise, resolve, reject }
}

/** As systemd sees it. */
const QUIET_NODE = { storeAnswers: async () => {}, reasons: () => [] as string[], reload: async () => {} }

/** The pieces of one run: a daemon whose start and stop the test finishes, and a clock that the test lets ring. */
function setUp() {
  const signals = new EventEmitter()
  const events = new EventEmitter()
  const alarms: (() => void)[] = []
  const clock: Clock = { ...systemClock, after: (_, action) => (alarms.push(action), () => {}) }
  const stop = deferred<void>()
  const daemon = {
    ...QUIET_NODE,
    stop() {
      events.emit('stopping')
      return stop.promise
    },
  }
  const start = deferred<typeof daemon>()
  const exitCode = runUntilStopped(() => start.promise, signals, {
    clock,
    log: silentLog,
    manager: NO_SERVICE_MANAGER,
    transfersMs: 10_000,
  })
  return { signals, events, alarms, daemon, start, stop, exitCode }
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  t.test(`${signal} stops in order`, async (t) => {
    const { signals, events, daemon, start, stop, exitCode } = setUp()
    const stopping = once(events, 'stopping')
    start.resolve(daemon)
    signals.emit(signal)
    await stopping
    stop.resolve()
    t.equal(await exitCode, EXIT_OK)
  })
}

t.test('a signal during the start counts when the start is done', async (t) => {
  const { signals, daemon, start, stop, exitCode } = setUp()
  signals.emit('SIGTERM')
  start.resolve(daemon)
  stop.resolve()
  t.equal(await exitCode, EXIT_OK)
})

t.test('a start that fails rejects', async (t) => {
  const { start, exitCode } = setUp()
  start.reject(new Error('no disk'))
  await t.rejects(exitCode, { message: 'no disk' })
})

t.test('a stop that fails is a failure', async (t) => {
  const { signals, daemon, start, stop, exitCode } = setUp()
  start.resolve(daemon)
  stop.reject(new Error('stuck'))
  signals.emit('SIGTERM')
  t.equal(await exitCode, EXIT_FAILED)
})

t.test('a stop that hangs is ended by a second signal, or by time', async (t) => {
  const impatient = setUp()
  const stopping = once(impatient.events, 'stopping')
  impatient.start.resolve(impatient.daemon)
  impatient.signals.emit('SIGTERM')
  await stopping
  impatient.signals.emit('SIGINT')
  t.equal(await impatient.exitCode, EXIT_FAILED)

  const late = setUp()
  const lateStopping = once(late.events, 'stopping')
  late.start.resolve(late.daemon)
  late.signals.emit('SIGTERM')
  await lateStopping
  late.alarms.forEach((ring) => ring())
  t.equal(await late.exitCode, EXIT_FAILED)
})

for (const defect of ['unhandledRejection', 'uncaughtException']) {
  t.test(`${defect} ends the process`, async (t) => {
    const { signals, daemon, start, exitCode } = setUp()
    start.resolve(daemon)
    signals.emit(defect, new Error('a defect'))
    t.equal(await exitCode, EXIT_FAILED)
  })
}

t.test(
  'systemd is told what there is to know, and the watchdog is fed only while the store answers',
  async (t) => {
    const clock = new ManualClock()
    const signals = new EventEmitter()
    const said: string[] = []
    /** What was said since this was asked last. */
    const news = async (afterMs = 0) => {
      await clock.advance(afterMs)
      return said.splice(0)
    }
    const manager = { watchdogMs: 30_000, tell: (message: string) => void said.push(message) }
    const [start, reloaded, stop] = [deferred<void>(), deferred<void>(), deferred<void>()]
    let answer = deferred<void>()
    answer.resolve()
    let reasons: string[] = ['No majority of voters is reachable.']
    const daemon = {
      storeAnswers: () => answer.promise,
      reasons: () => reasons,
      reload: () => reloaded.promise,
      stop: () => stop.promise,
    }
    const exitCode = runUntilStopped(() => start.promise.then(() => daemon), signals, {
      clock,
      log: silentLog,
      manager,
      transfersMs: 10_000,
    })
    t.strictSame(await news(), ['STATUS=Opening the store.', 'EXTEND_TIMEOUT_USEC=60000000'])
    signals.emit('SIGHUP')
    t.strictSame(await news(10_000), ['EXTEND_TIMEOUT_USEC=60000000'], 'a long start is no failed one')
    start.resolve()
    t.strictSame(await news(), [
      'STATUS=No writes: No majority of voters is reachable.',
      'READY=1',
      'WATCHDOG=1',
    ])
    reasons = []
    t.strictSame(await news(10_000), ['WATCHDOG=1', 'STATUS=Takes reads and writes.'])
    answer = deferred<void>()
    t.strictSame(await news(60_000), [], 'the store hangs')
    answer.resolve()
    t.strictSame(await news(), ['WATCHDOG=1'])
    t.strictSame(await news(10_000), ['WATCHDOG=1'])

    signals.emit('SIGHUP')
    t.strictSame(await news(), ['RELOADING=1'])
    reloaded.resolve()
    t.strictSame(await news(), ['READY=1'])

    signals.emit('SIGTERM')
    t.strictSame(await news(), ['STOPPING=1', 'STATUS=Stopping: what is under way may end.'])
    t.strictSame(await news(10_000), ['WATCHDOG=1'], 'it is watched until the end')
    stop.resolve()
    t.equal(await exitCode, EXIT_OK)
  },
)
