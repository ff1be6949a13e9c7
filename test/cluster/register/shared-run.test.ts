import t from 'tap'
import { SharedRun } from '../../../cluster/register/shared-run.ts'
import { deferred, type Deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'

/** Work that ends when the test says so; each run gives its number. */
function heldRun() {
  const runs: Deferred[] = []
  const shared = new SharedRun(async () => {
    const gate = deferred()
    const number = runs.push(gate)
    await gate.promise
    return number
  })
  const end = async (number: number) => {
    runs[number - 1]?.resolve()
    await settled()
  }
  return { shared, runs, end }
}

t.test('one run at a time; who comes meanwhile shares the next', async (t) => {
  const { shared, runs, end } = heldRun()
  const first = shared.run()
  const later = [shared.run(), shared.run(), shared.run()]
  await settled()
  t.equal(runs.length, 1)
  await end(1)
  t.equal(await first, 1)
  t.equal(runs.length, 2)
  await end(2)
  t.strictSame(await Promise.all(later), [2, 2, 2])
})

t.test('who comes while the shared run is under way waits for the one after', async (t) => {
  const { shared, end } = heldRun()
  void shared.run()
  const second = shared.run()
  await end(1)
  const third = shared.run()
  await end(2)
  await end(3)
  t.strictSame([await second, await third], [2, 3])
})

t.test('after all has ended, the next begins at once', async (t) => {
  const { shared, runs, end } = heldRun()
  void shared.run()
  await end(1)
  void shared.run()
  t.equal(runs.length, 2)
  await end(2)
})

t.test('a failed run fails its own callers and not the next', async (t) => {
  let runs = 0
  const shared = new SharedRun(async () => {
    await settled()
    if (++runs === 1) throw new Error('the first fails')
    return runs
  })
  const first = shared.run()
  const next = shared.run()
  await t.rejects(first, { message: 'the first fails' })
  t.equal(await next, 2)
})
