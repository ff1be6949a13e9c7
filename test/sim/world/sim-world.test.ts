/** Virtual time: in order, and never before everything that can happen at one moment has happened. */
import t from 'tap'
import { EventQueue } from './event-queue.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimWorld } from './sim-world.ts'

t.test('time does not move while a promise can still settle', async (t) => {
  const world = new SimWorld(1)
  const seen: string[] = []
  const longWay = async (name: string) => {
    for (let i = 0; i < 500; i++) await Promise.resolve()
    seen.push(`${name} at ${world.nowMs}`)
  }
  world.after(1, () => void longWay('first'))
  world.after(2, () => void longWay('second'))
  world.after(2, () => void longWay('third'))
  await world.run(10)
  t.strictSame(seen, ['first at 1', 'second at 2', 'third at 2'])
  t.equal(world.nowMs, 10)
})

t.test('what is due later than asked waits', async (t) => {
  const world = new SimWorld(1)
  const seen: number[] = []
  for (const at of [30, 10, 20]) world.after(at, () => seen.push(at))
  const cancel = world.after(15, () => seen.push(15))
  cancel()
  await world.run(20)
  t.strictSame(seen, [10, 20])
  await world.run(30)
  t.strictSame(seen, [10, 20, 30])
})

t.test('a run ends with what an event throws', async (t) => {
  const world = new SimWorld(1)
  world.after(1, () => {
    throw new Error('an event failed')
  })
  await t.rejects(world.run(5), { message: 'an event failed' })
})

t.test('the queue gives events by time, then by order of asking', (t) => {
  const random = new SeededRandom(5)
  const queue = new EventQueue()
  const times = Array.from({ length: 300 }, () => random.below(40))
  for (const time of times) queue.push(time, () => {})
  const popped = times.map(() => queue.popDue(Infinity))
  for (const [i, event] of popped.entries()) {
    const before = popped[i - 1]
    if (!before || !event) continue
    if (event.atMs < before.atMs || (event.atMs === before.atMs && event.order < before.order))
      t.fail(`event ${i} came too early`)
  }
  t.equal(popped.filter((event) => event !== null).length, times.length)
  t.equal(queue.popDue(Infinity), null)
  t.end()
})

t.test('streams of chance depend on seed and name only', (t) => {
  const first = new SeededRandom(9)
  const second = new SeededRandom(9)
  second.float()
  t.equal(first.fork('disk').float(), second.fork('disk').float())
  t.not(first.fork('disk').float(), first.fork('link').float())
  t.end()
})
