import t from 'tap'
import { Quota } from '../../../cluster/network/quota.ts'

t.test('places are handed on in the order of asking', async (t) => {
  const quota = new Quota(1, 2)
  const signal = new AbortController().signal
  await quota.enter(signal)
  const order: number[] = []
  const waits = [1, 2].map((n) => quota.enter(signal).then(() => order.push(n)))
  await t.rejects(quota.enter(signal), { code: 'PEER_BUSY' })
  quota.leave()
  await waits[0]
  t.same(order, [1])
  quota.leave()
  await waits[1]
  t.same(order, [1, 2])
  quota.leave()
  t.equal(quota.inFlight, 0)
})

t.test('who gives up while waiting leaves the queue', async (t) => {
  const quota = new Quota(1, 1)
  const calm = new AbortController().signal
  await quota.enter(calm)
  const abort = new AbortController()
  const wait = quota.enter(abort.signal)
  abort.abort(new Error('enough'))
  await t.rejects(wait, { message: 'enough' })
  t.equal(quota.queued, 0)
  await t.rejects(quota.enter(abort.signal), { message: 'enough' }, 'an aborted signal never enters')
  quota.leave()
  await quota.enter(calm)
  t.equal(quota.inFlight, 1)
})
