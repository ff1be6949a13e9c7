import fc from 'fast-check'
import t from 'tap'
import { growthPercent } from '../../../node/composition/heap-growth.ts'

const MIB = 1024 ** 2

t.test('a small heap may grow to a fixed size, a large one by a fixed share', async (t) => {
  t.equal(growthPercent(80 * MIB), 100)
  t.equal(growthPercent(20 * MIB), 300)
  t.equal(growthPercent(400 * MIB), 40)
  fc.assert(
    fc.property(fc.integer({ min: MIB, max: 4096 * MIB }), (alive) => {
      const limit = alive * (1 + growthPercent(alive) / 100)
      return limit >= 1.39 * alive && limit <= Math.max(161 * MIB, 1.41 * alive) && limit <= 4 * alive
    }),
  )
})
