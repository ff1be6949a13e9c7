import fc from 'fast-check'
import t from 'tap'
import { corruptValue, printableKey, seal, unseal } from '../../../node/store/codec.ts'
import { KEYSPACES, keyIn, nextPrefix, rangeOf } from '../../../node/store/keyspaces.ts'
import { locationRows, pinRows, referenceRows, uploadPinRows } from '../../../node/store/chunk-rows.ts'
import { changeRows, witnessRows } from '../../../node/store/register-rows.ts'
import type { RowFormat } from '../../../node/store/table.ts'

const bytes = (maxLength = 64) =>
  fc.uint8Array({ minLength: 1, maxLength }).map((array) => Buffer.from(array))
const hexOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((a) => Buffer.from(a).toString('hex'))

void t.test('what was sealed is unsealed', async () => {
  fc.assert(
    fc.property(bytes(), fc.nat(255), bytes(300), (key, version, payload) => {
      const { version: read, payload: unsealed } = unseal(key, seal(key, version, payload))
      return read === version && unsealed.equals(payload)
    }),
  )
})

void t.test('any flipped bit, any other key and any truncation is noticed', async (t) => {
  const isRefused = (key: Buffer, stored: Buffer) => {
    try {
      unseal(key, stored)
      return false
    } catch (error) {
      return (error as { code: string }).code === 'CORRUPT_VALUE'
    }
  }
  fc.assert(
    fc.property(bytes(), bytes(100), fc.nat(), fc.nat(7), (key, payload, at, bit) => {
      const stored = seal(key, 1, payload)
      const place = at % stored.length
      const flipped = Buffer.from(stored)
      flipped.writeUInt8(flipped.readUInt8(place) ^ (1 << bit), place)
      const otherKey = Buffer.from(key)
      otherKey.writeUInt8(otherKey.readUInt8(0) ^ 1, 0)
      return (
        isRefused(key, flipped) && isRefused(otherKey, stored) && isRefused(key, stored.subarray(0, place))
      )
    }),
  )
  t.equal(isRefused(Buffer.of(1), Buffer.alloc(0)), true)
})

void t.test('the error names the key', async (t) => {
  const error = corruptValue(Buffer.concat([Buffer.of(1), Buffer.from('image/a')]), 'why')
  t.match(error, { code: 'CORRUPT_VALUE', message: /01:image\/a.*why/, fields: { key: '01:image/a' } })
  t.equal(printableKey(Buffer.of(0x40, 0xab, 0xcd)), '40:abcd')
})

void t.test('no tag is used twice', async (t) => {
  const tags = Object.values(KEYSPACES).map(({ tag }) => tag)
  t.equal(new Set(tags).size, tags.length)
})

void t.test('a range holds exactly the keys that begin with its prefix', async () => {
  fc.assert(
    fc.property(bytes(4), bytes(6), (prefix, key) => {
      const { gte, lt } = rangeOf(KEYSPACES.location, prefix)
      const stored = keyIn(KEYSPACES.location, key)
      const isIn = Buffer.compare(stored, gte) >= 0 && Buffer.compare(stored, lt) < 0
      return isIn === stored.subarray(0, gte.length).equals(gte)
    }),
  )
})

void t.test('the next prefix of 0xff bytes is that of what comes before them', async (t) => {
  t.same(nextPrefix(Buffer.of(1, 0xff, 0xff)), Buffer.of(2))
  t.throws(() => nextPrefix(Buffer.of(0xff)), RangeError)
})

function keyIsKept<K>(format: RowFormat<K, never>, key: K): boolean {
  const stored = Buffer.concat(format.keyParts(key))
  return JSON.stringify(format.parseKey(stored)) === JSON.stringify(key)
}

void t.test('keys survive the way to the disk and back', async () => {
  fc.assert(
    fc.property(hexOf(32), hexOf(32), hexOf(16), fc.string(), (hash, root, id, peer) => {
      return (
        keyIsKept(referenceRows as RowFormat<{ hash: string; root: string }, never>, { hash, root }) &&
        keyIsKept(pinRows as unknown as RowFormat<{ hash: string; upload: string }, never>, {
          hash,
          upload: id,
        }) &&
        keyIsKept(uploadPinRows as unknown as RowFormat<{ upload: string; hash: string }, never>, {
          upload: id,
          hash,
        }) &&
        keyIsKept(witnessRows as unknown as RowFormat<{ dbUuid: string; peer: string }, never>, {
          dbUuid: id,
          peer,
        })
      )
    }),
  )
})

void t.test('sequences sort as numbers', async () => {
  const sequence = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
  fc.assert(
    fc.property(sequence, sequence, (a, b) => {
      const [left, right] = [a, b].map((value) => Buffer.concat(changeRows.keyParts(value)))
      return Math.sign(Buffer.compare(left as Buffer, right as Buffer)) === Math.sign(a - b)
    }),
  )
})

void t.test('locations survive the way to the disk and back', async (t) => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  fc.assert(
    fc.property(word, word, word, (segment, offset, length) => {
      const read = locationRows.decode(Buffer.from(locationRows.encode({ segment, offset, length })))
      return read.segment === segment && read.offset === offset && read.length === length
    }),
  )
  t.throws(() => locationRows.keyParts('abc'), TypeError, 'a truncated hash names another chunk')
})
