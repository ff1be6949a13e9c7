import t from 'tap'
import fc from 'fast-check'
import { countRedundancy } from '../../../node/status/redundancy.ts'
import { activeImage, data, imageOf, ROOT } from '../images/image-fixture.ts'

/** Which of `a`, `b`, `c`, `d` hold the image; a node that is left out does not answer. */
function count(held: Record<string, boolean>, placed = ['a', 'b', 'c']) {
  const reports = new Map(Object.entries(held).map(([node, has]) => [node, new Set(has ? [ROOT] : [])]))
  return countRedundancy({ images: [activeImage()], placed: () => placed, held: reports })
}

const none = { full: 0, underReplicated: 0, unavailable: 0, unknown: 0 }

t.test('full is every wanted copy', async (t) => {
  t.match(count({ a: true, b: true, c: true }), { ...none, full: 1, copiesMin: 3 })
})

t.test('one copy less is under-replicated', async (t) => {
  t.match(count({ a: true, b: true, c: false }), { ...none, underReplicated: 1, copiesMin: 2 })
})

t.test('a node that does not answer never counts as a copy', async (t) => {
  t.match(count({ a: true, b: true }), { ...none, underReplicated: 1, copiesMin: 2 })
})

t.test('what only silent nodes could hold is unknown', async (t) => {
  t.match(count({ a: false, b: false }), { ...none, unknown: 1, copiesMin: 0 })
  t.match(count({}), { ...none, unknown: 1 })
})

t.test('what nobody holds is unavailable', async (t) => {
  t.match(count({ a: false, b: false, c: false }), { ...none, unavailable: 1, copiesMin: 0 })
})

t.test('a copy outside the placement makes nothing full, but keeps it available', async (t) => {
  t.match(count({ a: true, b: true, c: false, d: true }), { ...none, underReplicated: 1, copiesMin: 2 })
  t.match(count({ a: false, b: false, c: false, d: true }), { ...none, underReplicated: 1, copiesMin: 0 })
})

t.test('an image placed nowhere is not full', async (t) => {
  t.match(count({ a: false }, []), { ...none, unavailable: 1 })
})

t.test('images without data do not count', async (t) => {
  const counts = countRedundancy({ images: [imageOf()], placed: () => ['a'], held: new Map() })
  t.strictSame(counts, { ...none, copiesMin: null })
})

t.test('every image with data is counted once, and full only where all placed nodes say so', async () => {
  const roots = ['r0', 'r1', 'r2']
  const nodes = ['a', 'b', 'c', 'd']
  const reports = fc.dictionary(fc.constantFrom(...nodes), fc.subarray(roots))
  fc.assert(
    fc.property(reports, fc.subarray(nodes), (held, placed) => {
      const images = roots.map((root) => activeImage({ data: { ...data, root } }))
      const sets = new Map(Object.entries(held).map(([node, list]) => [node, new Set(list)]))
      const counts = countRedundancy({ images, placed: () => placed, held: sets })
      const { full, underReplicated, unavailable, unknown } = counts
      const certain = roots.filter(
        (root) => placed.length > 0 && placed.every((node) => sets.get(node)?.has(root)),
      )
      return full === certain.length && full + underReplicated + unavailable + unknown === roots.length
    }),
  )
})
