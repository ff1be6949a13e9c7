import { encode } from 'cborg'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { encodeCbor } from '../../cluster/cbor-encoder.ts'
import { fieldNames, plainValues } from './plain-values.ts'

const asCborg = (t: Test, value: unknown) => t.equal(Buffer.compare(encodeCbor(value), encode(value)), 0)

t.test('encodes plain values as cborg does, byte for byte', async (t) => {
  fc.assert(fc.property(plainValues, (value) => void asCborg(t, value)))
})

t.test('maps of one kind, one after the other, with changes between them', async (t) => {
  const map = fieldNames.chain((names) =>
    fc
      .tuple(...names.map((name) => fc.tuple(fc.constant(name), plainValues)))
      .map((pairs): unknown => Object.fromEntries(pairs)),
  )
  fc.assert(
    fc.property(fc.array(map, { maxLength: 6 }), (maps) => {
      for (const one of [...maps, ...maps]) asCborg(t, one)
    }),
    { numRuns: 50 },
  )
})

t.test('any text, half of a character included', async (t) => {
  const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 100 })
  fc.assert(
    fc.property(units, fc.boolean(), (codes, isShort) => {
      const text = String.fromCharCode(...codes.map((code) => (isShort ? code % 0x90 : code)))
      asCborg(t, text)
      asCborg(t, { [text]: 1, plain: 2 })
    }),
  )
})

t.test('counts around each size of a head', async (t) => {
  for (const edge of [24, 2 ** 8, 2 ** 16, 2 ** 32, 2 ** 53])
    for (const count of [edge - 2, edge - 1, edge, edge + 1]) {
      asCborg(t, count)
      asCborg(t, -count)
    }
  for (const edge of [24, 2 ** 8, 2 ** 16])
    for (const length of [edge - 1, edge]) {
      asCborg(t, 'x'.repeat(length))
      asCborg(t, new Uint8Array(length))
      asCborg(
        t,
        Array.from({ length }, () => null),
      )
    }
})

t.test('values larger than the room, and small ones after them', async (t) => {
  const large = [new Uint8Array(100_000).fill(7), 'é'.repeat(300_000), { end: true }]
  asCborg(t, large)
  asCborg(t, { small: 1 })
})

t.test('what is no plain value is as cborg has it', async (t) => {
  class Point {
    x = 1
  }
  const others = [-0, 1.5, NaN, 10n, undefined, [undefined], new Map([['a', 1]]), new Date(0), new Point()]
  const nulls = Object.assign(Object.create(null) as object, { b: 1, a: 2 })
  for (const value of [...others, new Uint16Array(2), nulls, () => 1, Symbol('s')])
    t.same(outcome(encodeCbor, value), outcome(encode, value))
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  t.throws(() => encodeCbor(cyclic), /circular/)
})

t.test('results stay when others follow', async (t) => {
  const first = encodeCbor({ a: 1 })
  encodeCbor({ b: 'something else' })
  t.equal(Buffer.compare(first, encode({ a: 1 })), 0)
})

function outcome(encoder: (value: unknown) => Uint8Array, value: unknown): string {
  try {
    return Buffer.from(encoder(value)).toString('hex')
  } catch (error) {
    return String(error)
  }
}
