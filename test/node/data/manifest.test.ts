import t from 'tap'
import fc from 'fast-check'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { hasCode } from '../../../cluster/errors.ts'
import { ManifestBuilder } from '../../../node/data/manifest-builder.ts'
import {
  chunkCount,
  decodePage,
  encodePage,
  ENTRIES_PER_PAGE,
  PAGE_BYTES_MAX,
  type ManifestEntry,
} from '../../../node/data/manifest-page.ts'
import { Manifest, type ChunkSlice } from '../../../node/data/manifest.ts'

const { signal } = new AbortController()

/** A manifest of `sizeBytes` whose entry i is zeros where `isZero(i)`, with all its pages in a map. */
async function build(
  sizeBytes: number,
  chunkSizeBytes: number,
  isZero: (index: number) => boolean = () => false,
) {
  const entries: ManifestEntry[] = []
  for (let i = 0; i < chunkCount(sizeBytes, chunkSizeBytes); i++) {
    entries.push(isZero(i) ? null : contentHashHex(Buffer.from(`chunk ${i}`)))
  }
  const builder = new ManifestBuilder(chunkSizeBytes)
  for (const entry of entries) builder.add(entry)
  const { root, leaves } = builder.finish(sizeBytes)
  const pages = new Map([...leaves, root].map(({ hash, bytes }) => [hash, bytes]))
  const loaded: string[] = []
  const load = (hash: string) => {
    loaded.push(hash)
    const bytes = pages.get(hash)
    return bytes ? Promise.resolve(bytes) : Promise.reject(new Error(`no page ${hash}`))
  }
  return { entries, root, leaves, loaded, manifest: await Manifest.open(root.hash, load, signal) }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

t.test('a range finds exactly its chunks', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 64 }),
      fc.func(fc.boolean()),
      fc.nat(),
      fc.nat(),
      async (sizeBytes, chunkSizeBytes, isZero, a, b) => {
        const [start, end] = [a % sizeBytes, b % sizeBytes].sort((x, y) => x - y) as [number, number]
        const { entries, manifest } = await build(sizeBytes, chunkSizeBytes, isZero)
        const expected: ChunkSlice[] = []
        for (let i = Math.floor(start / chunkSizeBytes); i <= Math.floor(end / chunkSizeBytes); i++) {
          const base = i * chunkSizeBytes
          const to = Math.min(chunkSizeBytes, end + 1 - base)
          expected.push({ hash: entries[i] ?? null, from: Math.max(0, start - base), to })
        }
        t.strictSame(await collect(manifest.slices(start, end, signal)), expected)
      },
    ),
    { numRuns: 60 },
  )
})

t.test('an empty image has a root without entries', async (t) => {
  const { manifest, leaves } = await build(0, 4096)
  t.equal(manifest.sizeBytes, 0)
  t.strictSame(leaves, [])
  t.strictSame(await collect(manifest.hashes(signal)), [])
})

t.test('one page holds as many entries as fit, one more makes a root of pages', async (t) => {
  const full = await build(ENTRIES_PER_PAGE, 1)
  t.equal(full.leaves.length, 0)
  t.ok(full.root.bytes.length <= PAGE_BYTES_MAX)
  const over = await build(ENTRIES_PER_PAGE + 1, 1)
  t.equal(over.leaves.length, 2)
  t.strictSame(await collect(over.manifest.hashes(signal)), [
    ...over.leaves.map(({ hash }) => hash),
    ...over.entries,
  ])
})

t.test('only the pages of the range are loaded', async (t) => {
  const { manifest, entries, leaves, loaded, root } = await build(3 * ENTRIES_PER_PAGE * 10, 10)
  const first = ENTRIES_PER_PAGE * 10
  const slices = await collect(manifest.slices(first - 5, first + 4, signal))
  t.strictSame(slices, [
    { hash: entries[ENTRIES_PER_PAGE - 1], from: 5, to: 10 },
    { hash: entries[ENTRIES_PER_PAGE], from: 0, to: 5 },
  ])
  t.strictSame(loaded, [root.hash, leaves[0]?.hash, leaves[1]?.hash])
})

t.test('a range outside the image is refused', async (t) => {
  const { manifest } = await build(100, 10)
  await t.rejects(collect(manifest.slices(0, 100, signal)), RangeError)
  await t.rejects(collect(manifest.slices(-1, 5, signal)), RangeError)
})

t.test('any changed byte outside the hashes is refused, and any cut', async (t) => {
  const { root } = await build(1000, 64, (i) => i === 3)
  const refused = (bytes: Buffer) => {
    try {
      decodePage(bytes)
      return false
    } catch (error) {
      return hasCode(error, 'CORRUPT_VALUE')
    }
  }
  const header = 24
  for (let at = 0; at < root.bytes.length; at++) {
    const inHash = at >= header && (at - header) % 36 < 32
    const isZeroEntry = at >= header && Math.floor((at - header) / 36) === 3
    if (inHash && !isZeroEntry) continue
    const changed = Buffer.from(root.bytes)
    changed[at] = (changed[at] ?? 0) ^ 0xff
    t.ok(refused(changed), `byte ${at}`)
  }
  for (let length = 0; length < root.bytes.length; length++) {
    if (!refused(root.bytes.subarray(0, length))) t.fail(`cut at ${length}`)
  }
  t.ok(refused(Buffer.concat([root.bytes, Buffer.alloc(36)])))
})

t.test('pages come back as they were written', async (t) => {
  const hash = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString('hex'))
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.option(hash), { maxLength: 50 }),
      fc.nat(),
      (chunkSizeBytes, entries, cut) => {
        const full = entries.length * chunkSizeBytes
        const sizeBytes = Math.max(0, full - (cut % chunkSizeBytes))
        const page = { level: 0 as const, chunkSizeBytes, sizeBytes, entries }
        t.strictSame(decodePage(encodePage(page)), page)
      },
    ),
    { numRuns: 100 },
  )
})

t.test('a page in the wrong place is refused', async (t) => {
  const { root, leaves } = await build(2 * ENTRIES_PER_PAGE - 1, 1)
  const swapped = (hash: string) => (hash === root.hash ? root : leaves[0])?.bytes ?? Buffer.alloc(0)
  const manifest = await Manifest.open(root.hash, (hash) => Promise.resolve(swapped(hash)), signal)
  await t.rejects(collect(manifest.hashes(signal)), { code: 'CORRUPT_VALUE' })
})
