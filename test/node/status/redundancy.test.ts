import t from 'tap'
import fc from 'fast-check'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { countRedundancy } from '../../../node/status/redundancy.ts'
import { activeImage, data, imageOf, ROOT } from '../images/image-fixture.ts'

const zones = new Map([
  ['a', 'z1'],
  ['b', 'z1'],
  ['c', 'z2'],
  ['d', 'z2'],
])

/** Which of `a`, `b`, `c`, `d` hold the image; a node that is left out does not answer. */
function count(held: Record<string, boolean>, placed = ['a', 'b', 'c'], drained = new Set<string>()) {
  const reports = new Map(Object.entries(held).map(([node, has]) => [node, new Set(has ? [ROOT] : [])]))
  const images = [activeImage({ size: 10 })]
  return countRedundancy({ images, placed: () => placed, held: reports, zones, drained })
}

const none = { full: 0, underReplicated: 0, unavailable: 0, unknown: 0 }

t.test('full is every wanted copy', async (t) => {
  t.match(await count({ a: true, b: true, c: true }), { ...none, full: 1, copiesMin: 3 })
})

t.test('one copy less is under-replicated', async (t) => {
  t.match(await count({ a: true, b: true, c: false }), { ...none, underReplicated: 1, copiesMin: 2 })
})

t.test('a node that does not answer never counts as a copy', async (t) => {
  t.match(await count({ a: true, b: true }), { ...none, underReplicated: 1, copiesMin: 2 })
})

t.test('what only silent nodes could hold is unknown', async (t) => {
  t.match(await count({ a: false, b: false }), { ...none, unknown: 1, copiesMin: 0 })
  t.match(await count({}), { ...none, unknown: 1 })
})

t.test('what nobody holds is unavailable', async (t) => {
  t.match(await count({ a: false, b: false, c: false }), { ...none, unavailable: 1, copiesMin: 0 })
})

t.test('a copy outside the placement makes nothing full, but keeps it available', async (t) => {
  t.match(await count({ a: true, b: true, c: false, d: true }), { ...none, underReplicated: 1, copiesMin: 2 })
  t.match(await count({ a: false, b: false, c: false, d: true }), {
    ...none,
    underReplicated: 1,
    copiesMin: 0,
  })
})

t.test(
  'what lies where it does not belong is counted, unless another image of the same bytes wants it there',
  async (t) => {
    t.match(await count({ a: true, b: true, c: true, d: true }), { full: 1, misplaced: 1 })
    const images = [activeImage(), activeImage({ id: 'other' })]
    const placed = ({ id }: ImageRecord) => (id === 'other' ? ['b', 'c'] : ['a', 'b'])
    const held = new Map(['a', 'b', 'c', 'd'].map((node) => [node, new Set([ROOT])]))
    t.match(await countRedundancy({ images, placed, held, zones }), { full: 2, misplaced: 1 })
  },
)

t.test('what nodes that answer are lacking is to be copied', async (t) => {
  t.match(await count({ a: true, b: false, c: false }), { toCopy: { images: 1, bytes: 20 } })
  t.match(await count({ a: true, b: false }), { toCopy: { images: 1, bytes: 10 } })
})

t.test('an image goes with the only node that has all of it', async (t) => {
  const { onlyOn } = await count({ a: true, b: false, c: false })
  t.strictSame(onlyOn, { a: { images: 1, bytes: 10 } })
  t.strictSame((await count({ a: true, b: true, c: false })).onlyOn, {})
  t.strictSame((await count({ d: true })).onlyOn, { d: { images: 1, bytes: 10 } }, 'wherever it lies')
})

t.test('copies that are all in one zone do not survive its loss', async (t) => {
  t.match(await count({ a: true, b: true, c: false }), { oneZone: 1 })
  t.match(await count({ a: true, b: false, c: true }), { oneZone: 0 })
  t.match(
    await count({ a: true, b: false, c: false }),
    { oneZone: 0 },
    'one copy is lacking more than a zone',
  )
})

t.test('until a drained node gives a copy away, it counts as the one that takes its place', async (t) => {
  const drained = new Set(['d'])
  const of = (held: Record<string, boolean>, placed: string[]) => count(held, placed, drained)
  t.match(await of({ a: true, b: true, c: false, d: true }, ['a', 'b', 'c']), {
    full: 1,
    underReplicated: 0,
    misplaced: 0,
    copiesMin: 3,
    oneZone: 0,
    toCopy: { images: 1, bytes: 10 },
    onDrained: { d: { images: 1, bytes: 10 } },
  })
  const done = await of({ a: true, b: true, c: true, d: false }, ['a', 'b', 'c'])
  t.match(done, { full: 1, onDrained: { d: { images: 0, bytes: 0 } } })
  t.match(await of({ a: true, b: false, c: false, d: true }, ['a', 'b', 'c']), { underReplicated: 1 })
})

t.test('an image placed nowhere is not full', async (t) => {
  t.match(await count({ a: false }, []), { ...none, unavailable: 1 })
})

t.test('images without data do not count', async (t) => {
  const counts = await countRedundancy({ images: [imageOf()], placed: () => ['a'], held: new Map(), zones })
  const nothing = { misplaced: 0, oneZone: 0, toCopy: { images: 0, bytes: 0 }, onlyOn: {}, onDrained: {} }
  t.strictSame(counts, { ...none, ...nothing, copiesMin: null })
})

t.test('every image with data is counted once, and full only where all placed nodes say so', async () => {
  const roots = ['r0', 'r1', 'r2']
  const nodes = ['a', 'b', 'c', 'd']
  const reports = fc.dictionary(fc.constantFrom(...nodes), fc.subarray(roots))
  await fc.assert(
    fc.asyncProperty(reports, fc.subarray(nodes), async (held, placed) => {
      const images = roots.map((root) => activeImage({ data: { ...data, root } }))
      const sets = new Map(Object.entries(held).map(([node, list]) => [node, new Set(list)]))
      const counts = await countRedundancy({ images, placed: () => placed, held: sets, zones })
      const { full, underReplicated, unavailable, unknown } = counts
      const certain = roots.filter(
        (root) => placed.length > 0 && placed.every((node) => sets.get(node)?.has(root)),
      )
      return full === certain.length && full + underReplicated + unavailable + unknown === roots.length
    }),
  )
})
