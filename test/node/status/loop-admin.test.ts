import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { Loop } from '../../../node/loops/loop.ts'
import { LoopAdmin } from '../../../node/status/loop-admin.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

async function adminOf() {
  const rates: (number | null)[] = []
  const components = { clock: new ManualClock(), log: silentLog }
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
  return { admin: new LoopAdmin({ self: 'a', log: silentLog, loops }), rates }
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
