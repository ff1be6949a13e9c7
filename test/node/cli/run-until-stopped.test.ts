import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { type Clock, silentLog, systemClock } from '../../../cluster/runtime.ts'
import { EXIT_FAILED, EXIT_OK } from '../../../node/cli/cli-io.ts'
import { runUntilStopped } from '../../../node/cli/run-until-stopped.ts'

function deferred<T>() {
  let resolve!: (value: T) => void
  let reject!: (reason: Error) => void
  const promise = new Promise<T>((onResolve, onReject) => ([resolve, reject] = [onResolve, onReject]))
  return { promise, resolve, reject }
}

/** The pieces of one run: a daemon whose start and stop the test finishes, and a clock that the test lets ring. */
function setUp() {
  const signals = new EventEmitter()
  const events = new EventEmitter()
  const alarms: (() => void)[] = []
  const clock: Clock = { ...systemClock, after: (_, action) => (alarms.push(action), () => {}) }
  const stop = deferred<void>()
  const daemon = {
    stop() {
      events.emit('stopping')
      return stop.promise
    },
  }
  const start = deferred<typeof daemon>()
  const exitCode = runUntilStopped(() => start.promise, signals, { clock, log: silentLog })
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
