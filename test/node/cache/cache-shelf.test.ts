import fc from 'fast-check'
import t from 'tap'
import { fileBytesOf } from '../../../node/cache/cache-file.ts'
import { CacheShelf, type CacheEntry } from '../../../node/cache/cache-shelf.ts'

const BYTES_MAX = 1_000_000

function entryOf(imageId: string, sizeBytes: number): CacheEntry {
  const use = { hits: 0, lastAccessedMs: 0, cachedAtMs: 0 }
  return { imageId, identity: 'md5:x', sizeBytes, file: `${imageId}.x`, ...use }
}

type Step =
  { does: 'fill'; id: string; size: number; isDone: boolean } | { does: 'touch' | 'remove'; id: string }

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const steps = fc.array(
  fc.oneof(
    fc.record({
      does: fc.constant('fill' as const),
      id,
      size: fc.integer({ min: 1, max: 1_200_000 }),
      isDone: fc.boolean(),
    }),
    fc.record({ does: fc.constantFrom('touch' as const, 'remove' as const), id }),
  ),
  { maxLength: 60 },
)

t.test('whatever happens it is within its limit, and the longest unused go first', (t) => {
  fc.assert(
    fc.property(steps, (some: readonly Step[]) => {
      const shelf = new CacheShelf(BYTES_MAX)
      /** In the order of their last use. */
      let model: { id: string; bytes: number }[] = []
      const sum = () => model.reduce((total, { bytes }) => total + bytes, 0)
      for (const step of some) {
        if (step.does === 'fill') {
          const entry = entryOf(step.id, step.size)
          const bytes = fileBytesOf(entry)
          const out = shelf.take(bytes)
          t.equal(out === null, !shelf.hasRoomFor(bytes))
          if (out === null) continue
          const expected: string[] = []
          while (sum() + bytes > BYTES_MAX) expected.push(model.shift()!.id)
          t.strictSame(
            out.map(({ imageId }) => imageId),
            expected,
          )
          t.ok(shelf.usedBytes <= BYTES_MAX)
          shelf.giveBack(bytes)
          if (step.isDone) {
            shelf.add(entry)
            model = [...model.filter((each) => each.id !== step.id), { id: step.id, bytes }]
          }
        } else if (step.does === 'touch') {
          const entry = shelf.get(step.id)
          if (entry) shelf.touch(entry, 1)
          const found = model.find((each) => each.id === step.id)
          if (found) model = [...model.filter((each) => each !== found), found]
        } else {
          t.equal(
            shelf.remove(step.id) !== null,
            model.some((each) => each.id === step.id),
          )
          model = model.filter((each) => each.id !== step.id)
        }
        t.strictSame(
          shelf.all().map(({ imageId }) => imageId),
          model.map((each) => each.id),
        )
        t.equal(shelf.usedBytes, sum())
        t.ok(shelf.usedBytes <= BYTES_MAX)
      }
    }),
  )
  t.end()
})

t.test('what others fill is not taken from them, and nobody loses anything for nothing', (t) => {
  const shelf = new CacheShelf(1000)
  const entry = entryOf('a', 100)
  shelf.add(entry)
  t.strictSame(shelf.take(600), [])
  t.equal(shelf.take(500), null)
  t.equal(shelf.get('a'), entry)
  t.strictSame(shelf.take(400), [entry])
  t.end()
})
