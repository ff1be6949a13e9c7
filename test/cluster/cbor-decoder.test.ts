import { decode, encode } from 'cborg'
import fc from 'fast-check'
import t from 'tap'
import { decodeCbor } from '../../cluster/cbor-decoder.ts'
import { fieldNames, plainValues } from './plain-values.ts'

/** What a decoder makes of bytes: the value, or that it refuses. */
function outcome(decoder: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    return { value: decoder(bytes) }
  } catch {
    return 'refused'
  }
}

t.test('decodes whatever the encoder writes as cborg does', async () => {
  fc.assert(
    fc.property(plainValues, (value) => {
      const bytes = encode(value)
      t.strictSame(decodeCbor(bytes), decode(bytes))
    }),
  )
})

t.test('maps of one kind, one after the other, with changes between them', async () => {
  const map = fieldNames.chain((keys) =>
    fc.tuple(...keys.map((key) => fc.tuple(fc.constant(key), plainValues))).map((pairs) => new Map(pairs)),
  )
  fc.assert(
    fc.property(fc.array(map, { maxLength: 6 }), (maps) => {
      for (const bytes of [...maps, ...maps].map((one) => encode(one)))
        t.strictSame(decodeCbor(bytes), decode(bytes))
    }),
    { numRuns: 50 },
  )
})

t.test('bytes of any kind end as with cborg', async () => {
  const damaged = fc
    .tuple(plainValues, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(3))
    .map(([value, at, byte, cut]) => {
      const bytes = Uint8Array.from(encode(value))
      bytes[at % bytes.length] = byte
      return bytes.subarray(0, bytes.length - (cut % bytes.length))
    })
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      t.strictSame(outcome(decodeCbor, bytes), outcome(decode, bytes))
    }),
    { numRuns: 1000 },
  )
})

t.test('a field named as the prototype is a field', async () => {
  const bytes = encode(new Map([['__proto__', { polluted: true }]]))
  const value = decodeCbor(bytes) as Record<string, unknown>
  t.equal(Object.getPrototypeOf(value), Object.prototype)
  t.ok(Object.hasOwn(value, '__proto__'))
})

t.test('byte strings are windows on what was decoded', async () => {
  const bytes = encode([Uint8Array.of(1, 2, 3)])
  const [window] = decodeCbor(bytes) as [Uint8Array]
  t.equal(window.buffer, bytes.buffer)
})
