import t from 'tap'
import { LiveCluster } from './live-cluster.ts'

t.test('of each register one node sees to it, and when it is lost another one', async (t) => {
  const cluster = new LiveCluster(['a', 'b', 'c', 'd'], 3)
  t.teardown(() => cluster.stopAll())
  cluster.start('a', 'b', 'c', 'd')
  const keys = Array.from({ length: 30 }, (_, number) => `thing/${number}`)
  const whoSees = (running: string[]) =>
    keys.map((key) => running.filter((id) => cluster.at(id).registers.seesTo(key)).join())
  const whole = whoSees(['a', 'b', 'c', 'd'])
  t.strictSame([...new Set(whole)].toSorted(), ['a', 'b', 'c'], 'all voters take their share')
  cluster.stop('a')
  const left = whoSees(['b', 'c', 'd'])
  t.strictSame([...new Set(left)].toSorted(), ['b', 'c'])
  t.ok(
    left.every((id, number) => whole[number] === 'a' || whole[number] === id),
    'what was not its own stays where it was',
  )
})
