import t from 'tap'
import fc from 'fast-check'
import {
  contentHash,
  contentHashHex,
  HASH_BYTES,
  HASH_HEX_LENGTH,
  hashEngine,
  nativeEngine,
  passesVectors,
  wasmEngine,
} from '../../cluster/content-hash.ts'

t.test('every engine that loads gives the reference digests', async (t) => {
  t.ok(passesVectors(wasmEngine()))
  const native = nativeEngine()
  if (native) t.ok(passesVectors(native))
  t.ok(passesVectors(hashEngine))
})

t.test('an engine that is wrong in one place is found out', async (t) => {
  const right = wasmEngine()
  const digest = (data: Uint8Array) => (data.length > 1024 ? Buffer.alloc(HASH_BYTES) : right.digest(data))
  t.notOk(passesVectors({ kind: 'wasm', digest }))
})

t.test('both engines agree, above one megabyte too', { skip: !nativeEngine() }, async (t) => {
  const native = nativeEngine()
  const wasm = wasmEngine()
  for (const length of [0, 63, 64, 65, 1025, 2 ** 20 + 1, 4 * 2 ** 20]) {
    const data = Buffer.alloc(length, 0x5a)
    t.strictSame(native?.digest(data), wasm.digest(data), `${length} bytes`)
  }
})

t.test('a view hashes as its own bytes, not as those around it', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(50), (bytes, offset) => {
      const around = new Uint8Array(offset + bytes.length + 7).fill(0xee)
      around.set(bytes, offset)
      const view = around.subarray(offset, offset + bytes.length)
      return contentHash(view).equals(contentHash(Buffer.from(bytes)))
    }),
  )
})

t.test('names are lower-case hexadecimal', async (t) => {
  const name = contentHashHex(Buffer.from('x'))
  t.match(name, /^[0-9a-f]{64}$/)
  t.equal(name.length, HASH_HEX_LENGTH)
  t.equal(contentHash(Buffer.from('x')).toString('hex'), name)
})
