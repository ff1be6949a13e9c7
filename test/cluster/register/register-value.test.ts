import t from 'tap'
import fc from 'fast-check'
import {
  decodeValue,
  encodeValue,
  nextValue,
  RING_ENTRIES,
  valueDigest,
  VALUE_BYTES_MAX,
  type RegisterValue,
} from '../../../cluster/register/register-value.ts'

const refusal = fc.option(fc.record({ code: fc.string(), message: fc.string() }, { noNullPrototype: true }))
const values: fc.Arbitrary<RegisterValue> = fc.record(
  {
    live: fc.boolean(),
    record: fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
      { noNullPrototype: true },
    ),
    version: fc.nat(),
    ring: fc.array(fc.record({ opId: fc.string(), version: fc.nat(), refusal }, { noNullPrototype: true }), {
      maxLength: RING_ENTRIES,
    }),
  },
  { noNullPrototype: true },
)

t.test('a value comes back as it was', async (t) => {
  fc.assert(fc.property(values, (value) => t.strictSame(decodeValue(encodeValue(value)), value)))
})

t.test('equal values encode alike', async (t) => {
  fc.assert(
    fc.property(values, (value) =>
      t.strictSame(encodeValue(decodeValue(encodeValue(value))), encodeValue(value)),
    ),
  )
})

t.test('a tombstone stays one', async (t) => {
  const value = { live: false, record: { id: 'x' }, version: 3, ring: [] }
  t.equal(decodeValue(encodeValue(value)).live, false)
})

t.test('the cap is 1 MiB, encoded', async (t) => {
  const sized = (length: number) => ({ live: true, record: Buffer.alloc(length), version: 1, ring: [] })
  const overhead = encodeValue(sized(VALUE_BYTES_MAX / 2)).length - VALUE_BYTES_MAX / 2
  t.equal(encodeValue(sized(VALUE_BYTES_MAX - overhead)).length, VALUE_BYTES_MAX)
  t.throws(() => encodeValue(sized(VALUE_BYTES_MAX - overhead + 1)), { code: 'VALUE_TOO_LARGE' })
})

t.test('what is no value is corrupt', async (t) => {
  for (const text of ['', 'f6', '83f501', 'a0', '84f5f60100', 'ffff'])
    t.throws(() => decodeValue(Buffer.from(text, 'hex')), { code: 'CORRUPT_VALUE' }, text)
})

t.test('an operation moves the version on and is remembered', async (t) => {
  const first = nextValue(null, { live: true, record: 'x' }, 'op-1', null)
  t.strictSame(first, {
    live: true,
    record: 'x',
    version: 1,
    ring: [{ opId: 'op-1', version: 1, refusal: null }],
  })
  const refused = { code: 'CONFLICT', message: 'taken' }
  const second = nextValue(first, first, 'op-2', refused)
  t.equal(second.version, 2)
  t.strictSame(second.ring.at(-1), { opId: 'op-2', version: 2, refusal: refused })
})

t.test('the ring forgets the oldest beyond sixteen', async (t) => {
  let value: RegisterValue | null = null
  for (let i = 1; i <= RING_ENTRIES + 3; i++)
    value = nextValue(value, { live: true, record: i }, `op-${i}`, null)
  t.equal(value?.ring.length, RING_ENTRIES)
  t.equal(value?.ring[0]?.opId, 'op-4')
})

t.test('digests tell values apart', async (t) => {
  const one = encodeValue({ live: true, record: 1, version: 1, ring: [] })
  const two = encodeValue({ live: true, record: 2, version: 1, ring: [] })
  t.match(valueDigest(one), /^[0-9a-f]{32}$/)
  t.equal(valueDigest(one), valueDigest(Buffer.from(one)))
  t.not(valueDigest(one), valueDigest(two))
})
