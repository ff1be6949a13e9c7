import t from 'tap'
import fc from 'fast-check'
import { SortedSet } from '../../../node/store/sorted-set.ts'

const numbers = () => new SortedSet<number>((a, b) => a - b)

/** What happens to a set: a number is added, or the same number negated is removed. */
const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3000 })), { maxLength: 4000 })

t.test('is the sorted set of what was added and not removed, seen from everywhere', async () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: -1, max: 3001 }), (taken, seam) => {
      const set = numbers()
      const plain = new Set<number>()
      for (const [isAdded, item] of taken) {
        if (isAdded) set.add(item)
        else set.delete(item)
        if (isAdded) plain.add(item)
        else plain.delete(item)
      }
      const all = [...plain].toSorted((a, b) => a - b)
      const below = all.filter((item) => item < seam)
      const same = (got: Iterable<number>, wanted: number[]) => [...got].join() === wanted.join()
      return (
        set.size === all.length &&
        set.rank(seam) === below.length &&
        same(set.up(), all) &&
        same(set.down(), all.toReversed()) &&
        same(
          set.upFrom(seam),
          all.filter((item) => item >= seam),
        ) &&
        same(set.downFrom(seam), below.toReversed())
      )
    }),
    { numRuns: 100 },
  )
})

t.test('many blocks stay in order, whichever way they were filled', async (t) => {
  const wanted = Array.from({ length: 10_000 }, (_, i) => i)
  const shuffled = wanted.map((i) => (i * 7919) % 10_000)
  for (const order of [wanted, wanted.toReversed(), shuffled]) {
    const set = numbers()
    for (const item of order) set.add(item)
    t.strictSame([...set.up()], wanted)
    for (const item of order) if (item % 2 === 0) set.delete(item)
    t.equal(set.size, 5000)
    t.equal(set.rank(5000), 2500)
  }
})

t.test('an empty set has nothing to show', async (t) => {
  const set = numbers()
  set.add(1)
  set.delete(1)
  set.delete(1)
  t.strictSame([...set.up(), ...set.down(), ...set.upFrom(0), ...set.downFrom(2)], [])
  t.equal(set.rank(5), 0)
})
