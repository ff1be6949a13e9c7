import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { QuorumMonitor } from '../../../cluster/register/quorum-monitor.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

const noQuorum = () => Promise.reject(new ClusterError('NO_QUORUM', 'nobody answers'))

function monitorOf() {
  const clock = new ManualClock()
  const state = { isThere: true, probes: 0 }
  const probe = () => {
    state.probes++
    return state.isThere ? Promise.resolve(null) : noQuorum()
  }
  return { clock, state, monitor: new QuorumMonitor({ clock, log: silentLog, probe }) }
}

async function failOnce(monitor: QuorumMonitor): Promise<void> {
  await monitor.guard(noQuorum).catch(() => {})
  await settled()
}

t.test('a collision is no lost majority: one probe tells them apart', async (t) => {
  const { monitor, state } = monitorOf()
  await failOnce(monitor)
  t.equal(state.probes, 1)
  t.equal(monitor.available, true)
})

t.test('a lost majority is noticed by the first failure; later callers fail at once', async (t) => {
  const { monitor, state } = monitorOf()
  state.isThere = false
  await failOnce(monitor)
  t.equal(monitor.available, false)
  let ran = false
  const operation = () => {
    ran = true
    return Promise.resolve()
  }
  await t.rejects(monitor.guard(operation), { code: 'NO_QUORUM' })
  t.equal(ran, false)
})

t.test('an unknown outcome is a reason to look as well', async (t) => {
  const { monitor, state } = monitorOf()
  await t.rejects(
    monitor.guard(() => Promise.reject(new ClusterError('OUTCOME_UNKNOWN', '?'))),
    { code: 'OUTCOME_UNKNOWN' },
  )
  t.equal(state.probes, 1)
})

t.test('other errors are none of its business', async (t) => {
  const { monitor, state } = monitorOf()
  await t.rejects(
    monitor.guard(() => Promise.reject(new ClusterError('VALUE_TOO_LARGE', 'big'))),
    { code: 'VALUE_TOO_LARGE' },
  )
  t.equal(state.probes, 0)
})

t.test('a probe that fails is not believed when something has succeeded since it began', async (t) => {
  for (const succeeds of [true, false]) {
    const over = deferred()
    const probe = () => over.promise.then(noQuorum)
    const monitor = new QuorumMonitor({ clock: new ManualClock(), log: silentLog, probe })
    await failOnce(monitor)
    if (succeeds) await monitor.guard(() => Promise.resolve())
    over.resolve()
    await settled()
    t.equal(monitor.available, succeeds)
  }
})

t.test('one probe each 250 ms, until the majority is back', async (t) => {
  const { monitor, state, clock } = monitorOf()
  state.isThere = false
  await failOnce(monitor)
  await clock.advance(1000)
  t.equal(state.probes, 5)
  state.isThere = true
  await clock.advance(250)
  t.equal(monitor.available, true)
  await clock.advance(5000)
  t.equal(state.probes, 6, 'and then no more')
  t.equal(await monitor.guard(() => Promise.resolve('works')), 'works')
})

t.test('many failures start one probe', async (t) => {
  const { monitor, state, clock } = monitorOf()
  state.isThere = false
  await Promise.all(Array.from({ length: 50 }, () => monitor.guard(noQuorum).catch(() => {})))
  await settled()
  t.equal(state.probes, 1)
  t.equal(clock.pending, 1)
  monitor.stop()
})

t.test('stopping ends the probes', async (t) => {
  const { monitor, state, clock } = monitorOf()
  state.isThere = false
  await failOnce(monitor)
  monitor.stop()
  await clock.advance(2000)
  t.equal(state.probes, 1)
  t.equal(clock.pending, 0)
})
