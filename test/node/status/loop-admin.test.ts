import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { Loop } from '../../../node/loops/loop.ts'
import { EventLog } from '../../../node/status/event-log.ts'
import { LoopAdmin } from '../../../node/status/loop-admin.ts'
import { StatusQuestions } from '../../../node/status/status-questions.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'

async function adminOf() {
  const rates: (number | null)[] = []
  const components = { clock: new ManualClock(), log: silentLog }
  const events = new EventLog(components.clock, silentLog)
  const loops = ['slow', 'plain'].map((name) => {
    const rate = {
      describe: () => ({ unit: 'bytes', perSecond: 1, fixed: null }),
      fix: rates.push.bind(rates),
    }
    const options = { name, everyMs: 1000, retryMs: 1000 }
    const loop = new Loop(components, options, () => Promise.resolve(), name === 'slow' ? { rate } : {})
    loop.start()
    t.teardown(() => loop.stop())
    return loop
  })
  await settled()
  const network = new MemoryNetwork()
  const adminAt = (self: string, some: readonly Loop[]) =>
    new LoopAdmin({
      self,
      loops: some,
      questions: new StatusQuestions({ self, rpc: network.join(self) }),
      events,
      isMember: (id) => ['a', 'b', 'c'].includes(id),
    })
  return { admin: adminAt('a', loops), other: adminAt('b', []), rates, events, network }
}

t.test('loops are shown, paused and resumed by name', async (t) => {
  const { admin } = await adminOf()
  t.match(admin.change('plain', { paused: true }), { name: 'plain', state: 'paused' })
  t.match(admin.describe(), {
    node: 'a',
    loops: [{ state: 'idle', rate: { unit: 'bytes' } }, { state: 'paused' }],
  })
  admin.change('plain', { paused: false })
  await settled()
  t.match(admin.describe().loops[1], { state: 'idle', runs: 2, queue: null, rate: null })
})

t.test('a rate is set where there is one; a refused change changes nothing', async (t) => {
  const { admin, rates } = await adminOf()
  admin.change('slow', { rate: 5 })
  admin.change('slow', { rate: null })
  t.strictSame(rates, [5, null])
  t.throws(() => admin.change('plain', { rate: 5, paused: true }), { code: 'INVALID' })
  t.equal(admin.describe().loops[1]?.state, 'idle')
  t.throws(() => admin.change('none', {}), { code: 'NOT_FOUND', message: /only slow, plain/ })
})

t.test('the loops of another node are set through this one', async (t) => {
  const { admin, other, rates, events, network } = await adminOf()
  t.match(await other.changeAt('a', 'slow', { paused: true, rate: 7 }), { state: 'paused' })
  t.strictSame(rates, [7])
  t.match(events.latest(2), [{ text: /rate of the slow to 7/ }, { text: /paused the slow/ }])
  t.match(await admin.changeAt('a', 'slow', { paused: false }), { name: 'slow' })
  await t.rejects(other.changeAt('a', 'none', {}), { code: 'NOT_FOUND', message: /only slow, plain/ })
  await t.rejects(other.changeAt('a', 'plain', { rate: 1 }), { code: 'INVALID' })
  await t.rejects(other.changeAt('x', 'slow', {}), { code: 'NOT_FOUND', message: /no member/ })
  await t.rejects(other.changeAt('c', 'slow', {}), { code: 'UNAVAILABLE', message: /does not answer/ })
  const nonsense = { question: 'loop', args: { name: 'slow', changes: { rate: 'fast' } } }
  await t.rejects(network.join('b').request('a', 'status', nonsense, { timeoutMs: 1 }), { code: 'BAD_FRAME' })
})
