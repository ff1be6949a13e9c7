import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { sleep, stopController } from '../../cluster/runtime.ts'
import { ManualClock } from '../helpers/manual-clock.ts'

t.test('a stop ends any number of waits, and Node warns of none', async (t) => {
  const warned = once(process, 'warning').then(([warning]) => String(warning))
  const stopping = stopController()
  const waits = Array.from({ length: 50 }, () => sleep(new ManualClock(), 1000, stopping.signal))
  const first = await Promise.race([warned, setImmediate('no warning')])
  t.equal(first, 'no warning')
  stopping.abort(new Error('the node stops'))
  for (const wait of waits) await t.rejects(wait, { message: 'the node stops' })
})
