import t from 'tap'
import { AbortGroup } from '../../../node/images/abort-group.ts'

const STOP = new Error('stop')

/** Resolves with the reason when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason)
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))
}

t.test('each task has a signal of its own, and one abort ends them all', async (t) => {
  const group = new AbortGroup()
  const signals = new Set<AbortSignal>()
  const tasks = Array.from({ length: 20 }, () =>
    group.run((signal) => {
      signals.add(signal)
      return aborted(signal)
    }),
  )
  t.equal(signals.size, 20)
  group.abort(STOP)
  t.strictSame(new Set(await Promise.all(tasks)), new Set([STOP]))
})

t.test('a task that comes later is aborted at once, for the same reason', async (t) => {
  const group = new AbortGroup()
  group.abort(STOP)
  group.abort(new Error('another'))
  t.equal(await group.run(aborted), STOP)
})

t.test('a task that has ended is not touched any more, and its outcome is passed on', async (t) => {
  const group = new AbortGroup()
  let seen: AbortSignal | undefined
  t.equal(await group.run(async (signal) => ((seen = signal), 'done')), 'done')
  await t.rejects(
    group.run(() => Promise.reject(new Error('why'))),
    { message: 'why' },
  )
  group.abort(STOP)
  t.equal(seen?.aborted, false)
})
