import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { ImageHolder } from '../../../node/data/image-holder.ts'
import type { ImageSource } from '../../../node/data/image-reader.ts'
import { ImageReader } from '../../../node/data/image-reader.ts'
import { MemoryChunks } from '../../helpers/memory-chunks.ts'
import { transferOf } from '../../cluster/transfer/transfer-fixture.ts'
import { dataNodeOf, IMAGE, patternOf, piecesOf, requestOf } from './data-fixture.ts'

const CHUNK = 64 * 1024
const { signal } = new AbortController()

class HeldMemoryChunks extends MemoryChunks {
  readonly held = new Set<string>()
  damages = 0

  damagesOf(): number {
    return this.damages
  }

  isHeld(root: string): boolean {
    return this.held.has(root)
  }

  isReferenced(root: string, hash: string): boolean {
    return this.references.get(root)?.has(hash) ?? false
  }

  async setHeld(root: string, held: boolean): Promise<void> {
    if (held) this.held.add(root)
    else this.held.delete(root)
  }
}

let movedBytes = 0

/** Node `c` beside an image that `a` and `b` hold. */
async function holderOf() {
  const writer = dataNodeOf(['a', 'b'], { chunkSizeBytes: CHUNK })
  t.teardown(() => writer.hashes.stop())
  const stored = await writer.writer.write(requestOf(), piecesOf(patternOf(10 * CHUNK)))
  const transfer = transferOf(['c', 'a', 'b'])
  for (const id of ['a', 'b'])
    for (const bytes of writer.bulk.at(id).chunks.values()) transfer.bulk.at(id).add(bytes)
  const chunks = new HeldMemoryChunks()
  const reader = new ImageReader(transfer)
  const holder = new ImageHolder({
    chunks,
    fetcher: transfer.fetcher,
    reader,
    config: transfer.config,
    pace: { begin: async () => (bytes) => void (movedBytes += bytes) },
  })
  const source: ImageSource = { imageId: IMAGE, root: stored.root, copies: null }
  return { chunks, holder, source, transfer, reader }
}

t.test('a pulled image is here whole: chunks, references and manifest', async (t) => {
  const { chunks, holder, source, transfer } = await holderOf()
  await holder.pull(source, signal)
  t.strictSame([...chunks.chunks.keys()].toSorted(), [...transfer.bulk.at('a').chunks.keys()].toSorted())
  t.equal(chunks.references.get(source.root)?.size, 11)
  t.ok(holder.isHeld(source.root))
})

t.test('what is pulled is referenced before it comes, and not pinned', async (t) => {
  const { chunks, holder, source } = await holderOf()
  chunks.beforePut = (hash) => void t.ok(chunks.references.get(source.root)?.has(hash))
  await holder.pull(source, signal)
  t.equal(chunks.pins.size, 0)
})

t.test('chunks that are here are not fetched again', async (t) => {
  const { chunks, holder, source, transfer } = await holderOf()
  for (const bytes of transfer.bulk.at('a').chunks.values()) chunks.add(bytes)
  let puts = 0
  chunks.beforePut = () => void puts++
  await holder.pull(source, signal)
  t.equal(puts, 0)
})

t.test('an image that is not whole is not held, and a second try brings the rest', async (t) => {
  const { chunks, holder, source } = await holderOf()
  chunks.beforePut = () => {
    if (chunks.chunks.size >= 4) throw new ClusterError('STORE_FULL', 'full')
  }
  await t.rejects(holder.pull(source, signal), { code: 'STORE_FULL' })
  t.notOk(holder.isHeld(source.root))
  chunks.beforePut = () => {}
  await holder.pull(source, signal)
  t.equal(chunks.chunks.size, 11)
})

t.test('a failed pull has ended when it says so: nothing goes on behind it', async (t) => {
  const { chunks, holder, source } = await holderOf()
  let puts = 0
  chunks.beforePut = () => {
    if (++puts === 3) throw new ClusterError('STORE_FULL', 'full')
  }
  await t.rejects(holder.pull(source, signal), { code: 'STORE_FULL' })
  const before = puts
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(puts, before)
  t.ok(puts <= 6, `${puts} puts: the others ended with the chunk they were at`)
})

t.test('every byte that is brought goes by the pace', async (t) => {
  const { holder, source } = await holderOf()
  movedBytes = 0
  await holder.pull(source, signal)
  t.ok(movedBytes > 10 * CHUNK, 'the manifest, too')
})

t.test('what this node has of an image: nothing, its manifest, a part, the whole', async (t) => {
  const { chunks, holder, source } = await holderOf()
  t.equal(await holder.holding(source, signal), 'nothing')
  await holder.keepManifest(source, signal)
  t.equal(await holder.holding(source, signal), 'manifest')
  t.strictSame([...chunks.chunks.keys()], [source.root])
  chunks.beforePut = () => {
    throw new ClusterError('STORE_FULL', 'full')
  }
  await t.rejects(holder.pull(source, signal), { code: 'STORE_FULL' })
  t.equal(await holder.holding(source, signal), 'part', 'references are enough to make one')
  chunks.beforePut = () => {}
  await holder.pull(source, signal)
  t.equal(await holder.holding(source, signal), 'whole')
  await holder.release([source.root])
  t.equal(await holder.holding(source, signal), 'nothing')
})

t.test('every slot is given back', async (t) => {
  const { holder, source, transfer } = await holderOf()
  await holder.pull(source, signal)
  t.equal(transfer.pool.slotsInUse, 0)
})

t.test('an image that was let go has no references and is not held', async (t) => {
  const { chunks, holder, source } = await holderOf()
  await holder.pull(source, signal)
  await holder.release([source.root])
  t.equal(chunks.references.has(source.root), false)
  t.notOk(holder.isHeld(source.root))
})

t.test('the mark goes before the first reference: a crash in between leaves no false claim', async (t) => {
  const { chunks, holder, source } = await holderOf()
  await holder.pull(source, signal)
  chunks.dropRoots = () => Promise.reject(new Error('power cut'))
  await t.rejects(holder.release([source.root]), { message: 'power cut' })
  t.notOk(holder.isHeld(source.root))
})

t.test('what is being pulled is not let go', async (t) => {
  const { chunks, holder, source } = await holderOf()
  const released: Promise<number>[] = []
  chunks.beforePut = () => void released.push(holder.release([source.root]))
  await holder.pull(source, signal)
  for (const dropped of await Promise.all(released)) t.equal(dropped, 0)
  t.equal(chunks.references.get(source.root)?.size, 11)
  t.ok(holder.isHeld(source.root))
})

t.test('a pull that comes between the mark and the references keeps them', async (t) => {
  const { chunks, holder, source } = await holderOf()
  await holder.pull(source, signal)
  const unmark = chunks.setHeld.bind(chunks)
  chunks.setHeld = async (root, held) => {
    await unmark(root, held)
    if (!held) await holder.pull(source, signal)
  }
  await holder.release([source.root])
  t.equal(chunks.references.get(source.root)?.size, 11)
  t.ok(holder.isHeld(source.root))
})

t.test('an upload does not mark what was let go before its end; a pull does', async (t) => {
  const { chunks, holder, source } = await holderOf()
  await chunks.addReferences(source.root, [source.root])
  await holder.release([source.root])
  await holder.noteHeld(source.root)
  t.notOk(holder.isHeld(source.root))
  await holder.pull(source, signal)
  t.ok(holder.isHeld(source.root))
})

t.test('the upload that went through this node marks its image', async (t) => {
  const { holder, source } = await holderOf()
  await holder.noteHeld(source.root)
  t.ok(holder.isHeld(source.root))
})

t.test('an image of which a chunk was found damaged during the pull is not held', async (t) => {
  const { chunks, holder, source } = await holderOf()
  chunks.beforePut = () => void chunks.damages++
  await t.rejects(holder.pull(source, signal), { code: 'CHUNK_DAMAGED' })
  t.notOk(holder.isHeld(source.root))
  await holder.pull(source, signal)
  t.ok(holder.isHeld(source.root), 'the next look finds all of it')
})
