import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { TraitsPool, type ImageTraits } from '../../../node/images/image-traits.ts'
import { imageOf } from './image-fixture.ts'

/** Few letters, so that texts often run into each other in the same way. */
const text = fc.string({ unit: fc.constantFrom('1', ':', '-', ' ', 'a'), maxLength: 4 })
const textOrNull = fc.option(text)

const traits = fc.record<Partial<ImageTraits>>({
  status: fc.constantFrom('queued', 'active'),
  protected: fc.boolean(),
  hidden: fc.boolean(),
  owner: textOrNull,
  containerFormat: textOrNull,
  diskFormat: textOrNull,
  minDisk: fc.nat(11),
  minRam: fc.nat(11),
  hashAlgo: textOrNull,
  tags: fc.array(text, { maxLength: 3 }),
})

t.test('whatever images have in common, none gets the traits of another', (t) => {
  fc.assert(
    fc.property(fc.array(traits, { maxLength: 40 }), (all) => {
      const pool = new TraitsPool()
      for (const each of all) {
        const image = imageOf(each)
        const { visibility } = image
        assert.deepStrictEqual({ ...pool.of(image) }, { ...each, visibility })
      }
    }),
    { numRuns: 200 },
  )
  t.end()
})

t.test('equal traits are kept once', (t) => {
  const pool = new TraitsPool()
  t.equal(pool.of(imageOf({ tags: ['a', 'b'] })), pool.of(imageOf({ id: 'another', tags: ['a', 'b'] })))
  t.end()
})
