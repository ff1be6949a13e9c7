import t from 'tap'
import { PeakDelay } from '../../../cluster/register/peak-delay.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

t.test('the longest counts, and halves each second', async (t) => {
  const clock = new ManualClock()
  const delay = new PeakDelay(clock)
  t.equal(delay.value, 0)
  delay.note(80)
  delay.note(10)
  t.equal(delay.value, 80)
  await clock.advance(1000)
  t.equal(delay.value, 40)
  delay.note(10)
  await clock.advance(1000)
  t.equal(delay.value, 20, 'a quick answer does not make the slow one forgotten')
  delay.note(60)
  t.equal(delay.value, 60)
})
