/**
 * A removal meets every claim on the same chunk, each time a little later in the course of the other: whoever was told
 * that the chunk is here finds it here.
 */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import type { Store } from '../../../node/store/store.ts'
import { allOf } from '../../helpers/all-of.ts'
import { openedStore, putBytes, readBytes, UPLOAD } from './store-fixture.ts'

const ROOT = 'cd'.repeat(32)
/** Turns of the event loop between the two; a removal takes some four, a put with its syncs some ten. */
const OFFSETS = Array.from({ length: 12 }, (_, turns) => turns)

/** Answers whether it was promised that the chunk is here. */
type Claim = (store: Store, bytes: Buffer, hash: string) => Promise<boolean>

const CLAIMS: Record<string, Claim> = {
  have: async (store, _bytes, hash) => (await store.chunks.have([hash], UPLOAD))[0] === true,
  put: async (store, bytes) => {
    await putBytes(store, bytes, UPLOAD)
    return true
  },
  reference: async (store, _bytes, hash) => (await store.chunks.addReferences(ROOT, [hash])).length === 0,
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function meet(
  t: Test,
  store: Store,
  claim: Claim,
  isClaimFirst: boolean,
  offset: number,
): Promise<void> {
  const bytes = randomBytes(500)
  const hash = contentHashHex(bytes)
  await putBytes(store, bytes, null)
  const later = turns(offset)
  const [claimed, removed] = await Promise.all([
    (isClaimFirst ? Promise.resolve() : later).then(() => claim(store, bytes, hash)),
    (isClaimFirst ? later : Promise.resolve()).then(() => store.chunks.removeUnclaimed(hash)),
  ])
  const when = `${isClaimFirst ? 'claim' : 'removal'} first by ${offset} turns, ${removed ? '' : 'not '}removed`
  t.equal(store.chunks.has(hash), claimed, when)
  if (claimed) t.ok((await readBytes(store, hash)).equals(bytes), when)
  if (claimed) t.equal(await store.chunks.removeUnclaimed(hash), false, 'the claim stays')
}

for (const [name, claim] of Object.entries(CLAIMS)) {
  t.test(`${name} against a removal`, async (t) => {
    const { store } = await openedStore(t)
    for (const offset of OFFSETS)
      for (const isClaimFirst of [true, false]) await meet(t, store, claim, isClaimFirst, offset)
  })
}

t.test('a rewrite against a removal: the chunk is gone, and counted once', async (t) => {
  const { store } = await openedStore(t)
  for (const offset of OFFSETS) {
    const bytes = randomBytes(500)
    const hash = await putBytes(store, bytes, null)
    const [found] = await allOf(store.chunks.locatedIn(1))
    const place = found?.place ?? { segment: 0, offset: 0 }
    const [moved, removed] = await Promise.all([
      store.chunks.relocate(hash, place),
      turns(offset).then(() => store.chunks.removeUnclaimed(hash)),
    ])
    t.equal(moved, 4096)
    t.equal(removed, true)
    t.equal(store.chunks.has(hash), false)
    t.equal(store.chunks.storedBytes, 0)
    t.equal(await store.chunks.relocate(hash, place), 0, 'nothing is brought back')
  }
})

t.test('references that come while a root is dropped stay, and its own with them', async (t) => {
  const { store } = await openedStore(t)
  const hashes = Array.from({ length: 2100 }, (_, i) => contentHashHex(Buffer.from(`chunk ${i}`)))
  for (const offset of OFFSETS) {
    await store.chunks.addReferences(ROOT, hashes)
    const dropping = store.chunks.dropRoots([ROOT])
    await turns(offset)
    await store.chunks.addReferences(ROOT, hashes)
    await dropping
    t.equal(await countReferences(store), hashes.length + 1, `after ${offset} turns`)
  }
  t.equal(await store.chunks.dropRoots([ROOT]), hashes.length + 1)
  t.equal(await countReferences(store), 0)
})

t.test('a root is found by its reference on itself, whatever else was referenced', async (t) => {
  const { store } = await openedStore(t)
  await store.chunks.addReferences(ROOT, ['11'.repeat(32)])
  const walked = await allOf(store.chunks.walkClaims())
  t.strictSame(
    walked.map(({ hash, isRoot }) => [hash, isRoot]),
    [
      ['11'.repeat(32), false],
      [ROOT, true],
    ],
  )
})

async function countReferences(store: Store): Promise<number> {
  let count = 0
  for await (const { isReferenced } of store.chunks.walkClaims()) if (isReferenced) count++
  return count
}
