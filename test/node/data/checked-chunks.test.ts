import fc from 'fast-check'
import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { checkedChunks } from '../../../node/data/checked-chunks.ts'
import type { OpenImage } from '../../../node/data/open-image.ts'
import { ManifestBuilder } from '../../../node/data/manifest-builder.ts'
import { Manifest } from '../../../node/data/manifest.ts'

const { signal } = new AbortController()
const CHUNK_BYTES = 16

/** Every third chunk is of zeros. */
async function imageOf(sizeBytes: number) {
  const bytes = Buffer.alloc(sizeBytes)
  const builder = new ManifestBuilder(CHUNK_BYTES)
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES)
    const isZero = (at / CHUNK_BYTES) % 3 === 2
    if (!isZero) chunk.fill(`chunk ${at}`)
    builder.add(isZero ? null : contentHashHex(chunk))
  }
  const { root } = builder.finish(sizeBytes)
  return { bytes, manifest: await Manifest.open(root.hash, () => Promise.resolve(root.bytes), signal) }
}

/** Gives `bytes` in pieces of `pieceBytes`, and counts what was given back. */
function placeOf(bytes: Buffer, pieceBytes: number) {
  const asked: [number, number][] = []
  const given = { out: 0 }
  const image: OpenImage = {
    sizeBytes: bytes.length,
    async *read(start, end) {
      asked.push([start, end])
      for (let at = start; at <= end; at += pieceBytes) {
        given.out++
        yield { bytes: bytes.subarray(at, Math.min(at + pieceBytes, end + 1)), release: () => given.out-- }
      }
    },
  }
  return { image, asked, given }
}

async function collect(from: AsyncIterable<{ bytes: Uint8Array }>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const { bytes } of from) pieces.push(bytes)
  return Buffer.concat(pieces)
}

t.test('any range, from pieces of any length', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 50 }),
      fc.nat(),
      fc.nat(),
      async (sizeBytes, pieceBytes, a, b) => {
        const [start, end] = [a % sizeBytes, b % sizeBytes].sort((x, y) => x - y) as [number, number]
        const { bytes, manifest } = await imageOf(sizeBytes)
        const { image, given } = placeOf(bytes, pieceBytes)
        const read = await collect(checkedChunks(manifest, image, start, end, signal))
        return read.equals(bytes.subarray(start, end + 1)) && given.out === 0
      },
    ),
    { numRuns: 200 },
  )
  t.pass()
})

t.test('whole chunks are asked for, and what is not theirs is never given out', async (t) => {
  const { bytes, manifest } = await imageOf(100)
  for (const wrongAt of bytes.keys()) {
    const wrong = Buffer.from(bytes)
    wrong.writeUInt8((wrong.readUInt8(wrongAt) + 1) % 256, wrongAt)
    const { image, asked } = placeOf(wrong, 7)
    const begun: Uint8Array[] = []
    const read = async () => {
      for await (const lease of checkedChunks(manifest, image, 20, 85, signal)) begun.push(lease.bytes)
    }
    const chunk = Math.floor(wrongAt / CHUNK_BYTES)
    if (chunk < 1 || chunk > 5 || chunk % 3 === 2) await read()
    else await t.rejects(read(), { code: 'UNAVAILABLE' })
    t.strictSame(asked, [[16, 95]])
    const right = Buffer.concat(begun)
    t.ok(right.equals(bytes.subarray(20, 20 + right.length)), `byte ${wrongAt}`)
  }
  const short = placeOf(bytes.subarray(1), 7)
  await t.rejects(collect(checkedChunks(manifest, short.image, 20, 85, signal)), { code: 'UNAVAILABLE' })
  t.strictSame(short.asked, [], 'another size is another image')
})
