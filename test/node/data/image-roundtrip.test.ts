import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { CHUNK_BYTES_MAX } from '../../../cluster/transfer/chunk-buffer.ts'
import type { ByteLease } from '../../../node/data/open-image.ts'
import type { StoredImage } from '../../../node/data/image-writer.ts'
import { until } from '../../helpers/until.ts'
import { dataNodeOf, digestsOf, IMAGE, patternOf, piecesOf, requestOf, UPLOAD } from './data-fixture.ts'

const CHUNK = 64 * 1024
const { signal } = new AbortController()

const sourceOf = ({ root }: StoredImage) => ({ imageId: IMAGE, root, copies: null })

async function bytesOf(leases: AsyncIterable<ByteLease>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const lease of leases) {
    pieces.push(Buffer.from(lease.bytes))
    lease.release()
  }
  return Buffer.concat(pieces)
}

const nodes = ['a', 'b', 'c']
const small = dataNodeOf(nodes, { chunkSizeBytes: CHUNK })
const full = dataNodeOf(nodes, { hashes: small.hashes })
t.teardown(() => small.hashes.stop())

for (const sizeBytes of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 17]) {
  t.test(`an image of ${sizeBytes} bytes in chunks of ${CHUNK}`, async (t) => {
    const { writer, reader, uploads, pool, bulk } = small
    const bytes = patternOf(sizeBytes)
    const stored = await writer.write(requestOf({ declaredSizeBytes: sizeBytes }), piecesOf(bytes, 10_007))
    t.match(stored, { sizeBytes, chunkSizeBytes: CHUNK, holders: ['a', 'b'], ...digestsOf(bytes) })
    const image = await reader.open(sourceOf(stored), signal)
    t.equal(image.sizeBytes, sizeBytes)
    t.ok((await bytesOf(image.read(0, sizeBytes - 1, signal))).equals(bytes))
    for (const id of stored.holders) {
      const rows = [...(bulk.at(id).references.get(stored.root) ?? [])]
      t.equal(rows.length, Math.ceil(sizeBytes / CHUNK) + 1)
      t.ok(rows.every((hash) => bulk.at(id).has(hash)))
      t.ok(bulk.at(id).pins.has(UPLOAD))
    }
    await writer.unpin(UPLOAD, stored.pinnedAt)
    t.ok(nodes.every((id) => bulk.at(id).pins.size === 0))
    t.equal(uploads.slotsInUse + pool.slotsInUse, 0)
  })
}

for (const sizeBytes of [CHUNK_BYTES_MAX - 1, CHUNK_BYTES_MAX, 3 * CHUNK_BYTES_MAX + 1]) {
  t.test(`an image of ${sizeBytes} bytes in full chunks`, async (t) => {
    const bytes = patternOf(sizeBytes)
    const stored = await full.writer.write(requestOf(), piecesOf(bytes))
    t.match(stored, { sizeBytes, ...digestsOf(bytes) })
    const reading = full.reader.read(sourceOf(stored), 0, sizeBytes - 1, signal)
    t.ok((await bytesOf(reading)).equals(bytes))
    t.notOk(full.reader.isStreaming)
    t.equal(full.uploads.slotsInUse + full.pool.slotsInUse, 0)
  })
}

t.test('ranges are cut exactly', async (t) => {
  const bytes = patternOf(3 * CHUNK + 5)
  const stored = await small.writer.write(requestOf(), piecesOf(bytes))
  const image = await small.reader.open(sourceOf(stored), signal)
  const ranges = [
    [0, 0],
    [CHUNK - 1, CHUNK],
    [CHUNK, 2 * CHUNK - 1],
    [5, 3 * CHUNK + 4],
    [3 * CHUNK + 4, 3 * CHUNK + 4],
  ] as const
  for (const [start, end] of ranges) {
    t.ok(
      (await bytesOf(image.read(start, end, signal))).equals(bytes.subarray(start, end + 1)),
      `${start}-${end}`,
    )
  }
})

t.test('zeros and repeated chunks are stored once or not at all', async (t) => {
  const { writer, reader, bulk } = dataNodeOf(['a'], { chunkSizeBytes: CHUNK, hashes: small.hashes })
  const one = patternOf(CHUNK)
  const bytes = Buffer.concat([one, Buffer.alloc(2 * CHUNK), one, Buffer.alloc(7)])
  const stored = await writer.write(requestOf(), piecesOf(bytes))
  t.equal(bulk.at('a').chunks.size, 2, 'one chunk and the manifest')
  t.strictSame(stored.holders, ['a'])
  t.match(stored, digestsOf(bytes))
  t.ok((await bytesOf(reader.read(sourceOf(stored), 0, bytes.length - 1, signal))).equals(bytes))
})

t.test('a node that holds nothing stores and reads through the others', async (t) => {
  const { writer, reader, local, bulk, config } = dataNodeOf(['edge', 'a', 'b'], {
    chunkSizeBytes: CHUNK,
    hashes: small.hashes,
  })
  const withEdge = config.current()
  const [edge] = withEdge.nodes
  if (edge) edge.role = 'edge'
  config.current = () => withEdge
  const bytes = patternOf(3 * CHUNK)
  const stored = await writer.write(requestOf(), piecesOf(bytes))
  t.strictSame([...stored.holders].sort(), ['a', 'b'])
  t.equal(local.chunks.size, 0)
  t.equal(bulk.at('a').chunks.size, 4)
  t.ok((await bytesOf(reader.read(sourceOf(stored), 0, bytes.length - 1, signal))).equals(bytes))
})

t.test('a reader that stops early, or is aborted, gives everything back', async (t) => {
  const { writer, reader, pool } = small
  const bytes = patternOf(8 * CHUNK)
  const source = sourceOf(await writer.write(requestOf(), piecesOf(bytes)))
  for await (const lease of reader.read(source, 0, bytes.length - 1, signal)) {
    lease.release()
    break
  }
  await new Promise(setImmediate)
  t.equal(pool.slotsInUse, 0, 'after a break')
  const leaving = new AbortController()
  const leases = reader.read(source, 0, bytes.length - 1, leaving.signal)
  const first = await leases.next()
  leaving.abort(new Error('the client left'))
  await t.rejects(leases.next(), { message: 'the client left' })
  if (!first.done) first.value.release()
  await new Promise(setImmediate)
  t.equal(pool.slotsInUse, 0, 'after an abort')
})

t.test('reading ahead stays within the pool while the client holds what it got', async (t) => {
  const { writer, reader, pool } = small
  const bytes = patternOf(12 * CHUNK)
  const source = sourceOf(await writer.write(requestOf(), piecesOf(bytes)))
  const held: ByteLease[] = []
  for await (const lease of reader.read(source, 0, bytes.length - 1, signal)) {
    t.ok(pool.slotsInUse <= pool.slotsMax)
    held.push(lease)
    if (held.length > 2) held.shift()?.release()
  }
  for (const lease of held) lease.release()
  t.equal(pool.slotsInUse, 0)
})

t.test('a damaged chunk is never handed out', async (t) => {
  const { writer, reader, bulk, pool } = dataNodeOf(['a', 'b'], {
    chunkSizeBytes: CHUNK,
    hashes: small.hashes,
  })
  const bytes = patternOf(3 * CHUNK)
  const stored = await writer.write(requestOf(), piecesOf(bytes))
  for (const hash of bulk.at('a').chunks.keys()) if (hash !== stored.root) bulk.at('a').damage(hash)
  t.ok(
    (await bytesOf(reader.read(sourceOf(stored), 0, bytes.length - 1, signal))).equals(bytes),
    'from the peer',
  )
  await until(() => [...bulk.at('a').chunks].every(([hash, stored]) => contentHashHex(stored) === hash))
  for (const at of ['a', 'b'])
    for (const hash of bulk.at(at).chunks.keys()) if (hash !== stored.root) bulk.at(at).damage(hash)
  // Nothing that was verified before stays in memory.
  for (const slot of await Promise.all(Array.from({ length: pool.slotsMax }, () => pool.acquire())))
    slot.release()
  await t.rejects(bytesOf(reader.read(sourceOf(stored), 0, 0, signal)), { code: 'CHUNK_UNAVAILABLE' })
})
