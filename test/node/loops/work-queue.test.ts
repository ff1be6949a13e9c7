import t from 'tap'
import type { Random } from '../../../cluster/runtime.ts'
import { WorkQueue } from '../../../node/loops/work-queue.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

/** Jitter of exactly one. */
const noJitter: Random = { float: () => 0.5, bytes: (count) => new Uint8Array(count) }

function queueOf() {
  const clock = new ManualClock()
  return { clock, queue: new WorkQueue(clock, noJitter) }
}

const names = (queue: WorkQueue) => queue.due().map(({ name }) => name)

function fail(queue: WorkQueue): void {
  for (const ticket of queue.due()) queue.failed(ticket)
}

t.test('each name once, in the order it came', async (t) => {
  const { queue } = queueOf()
  for (const name of ['b', 'a', 'b']) queue.add(name)
  t.strictSame(names(queue), ['b', 'a'])
  t.equal(queue.size, 2)
})

t.test('what is done leaves', async (t) => {
  const { queue } = queueOf()
  queue.add('a')
  for (const ticket of queue.due()) queue.done(ticket)
  t.equal(queue.size, 0)
})

t.test('a trigger that comes during the work asks for it again', async (t) => {
  const { queue } = queueOf()
  queue.add('a')
  const [ticket] = queue.due()
  queue.add('a')
  if (ticket) queue.done(ticket)
  t.strictSame(names(queue), ['a'])
})

t.test('failures come back later and later, at the most each minute', async (t) => {
  const { queue, clock } = queueOf()
  queue.add('a')
  for (const pauseMs of [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    fail(queue)
    await clock.advance(pauseMs - 1)
    t.strictSame(names(queue), [], `not before ${pauseMs} ms`)
    await clock.advance(1)
    t.strictSame(names(queue), ['a'])
  }
})

t.test('the pause has jitter of half to one and a half', async (t) => {
  for (const [float, pauseMs] of [
    [0, 250],
    [0.999, 750],
  ] as const) {
    const clock = new ManualClock()
    const queue = new WorkQueue(clock, { ...noJitter, float: () => float })
    queue.add('a')
    fail(queue)
    await clock.advance(pauseMs - 2)
    t.strictSame(names(queue), [])
    await clock.advance(2)
    t.strictSame(names(queue), ['a'])
  }
})

t.test('a fresh trigger makes a failed name due at once', async (t) => {
  const { queue } = queueOf()
  queue.add('a')
  fail(queue)
  queue.add('a')
  t.strictSame(names(queue), ['a'])
})

t.test('a trigger that comes during failing work is not put off', async (t) => {
  const { queue } = queueOf()
  queue.add('a')
  const [ticket] = queue.due()
  queue.add('a')
  if (ticket) queue.failed(ticket)
  t.strictSame(names(queue), ['a'])
})

t.test('the age is that of the oldest name, failures and triggers notwithstanding', async (t) => {
  const { queue, clock } = queueOf()
  t.equal(queue.oldestAgeMs, 0)
  queue.add('a')
  await clock.advance(100)
  fail(queue)
  queue.add('a')
  queue.add('b')
  await clock.advance(50)
  t.equal(queue.oldestAgeMs, 150)
})
