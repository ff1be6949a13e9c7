import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { ImageIndex } from '../../../node/images/image-index.ts'
import { CopyInspection, decodeSources, type CopyState } from '../../../node/status/copy-inspection.ts'
import { ImageMap, type ImageMapQuery } from '../../../node/status/image-map.ts'
import type { NodeReport } from '../../../node/status/node-report.ts'
import { StatusQuestions } from '../../../node/status/status-questions.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { activeImage, data, imageOf, ROOT } from '../images/image-fixture.ts'

const all: ImageMapQuery = { after: null, limit: 10, show: 'all', search: '' }
const rootOf = (image: number) => String(image).repeat(64)

/** `c` does not answer; a holds everything, b what `held` says, and `told` of the rest. */
function mapOf({ images = 3, held = [ROOT], told = [] as CopyState[], caughtUp = true } = {}) {
  const clock = new ManualClock()
  const network = new MemoryNetwork()
  const index = new ImageIndex({ monotonicMs: () => 0 })
  for (let i = 1; i <= images; i++) {
    const createdAt = `2026-01-0${i}T00:00:00Z`
    index.put(
      activeImage({ id: `image-${i}`, name: `Name ${i}`, createdAt, data: { ...data, root: rootOf(i) } }),
    )
  }
  index.put(imageOf({ id: 'queued', name: 'without data' }))
  const roots = Array.from({ length: images }, (_, i) => rootOf(i + 1))
  const reports = new Map(
    [
      ['a', roots],
      ['b', held],
    ].map(([id, heldRoots]) => [id as string, { caughtUp: true, heldRoots } as NodeReport]),
  )
  const asked: unknown[] = []
  new StatusQuestions({ self: 'b', rpc: network.join('b') }).on('copies', async (sources) => {
    asked.push(decodeSources(sources))
    return told
  })
  const map = new ImageMap({
    clock,
    index,
    config: { current: () => configOf(['a', 'b', 'c']) },
    questions: new StatusQuestions({ self: 'a', rpc: network.join('a') }),
    report: { reports: async () => ({ reports, ageMs: 1500 }) },
    out: () => ({ out: [], braked: [] }),
    caughtUp: () => caughtUp,
  })
  return { map, asked, network }
}

t.test('each node has a cell; the silent is unknown, the rest is asked for what is not whole', async (t) => {
  const told: CopyState[] = [
    { state: 'corrupt', chunks: { present: 4, damaged: 1, total: 5 } },
    { state: 'missing', chunks: null },
  ]
  const { map, asked } = mapOf({ held: [rootOf(2)], told })
  const { nodes, images, next, ageSeconds } = await map.page(all)
  t.strictSame(nodes, ['a', 'b', 'c'])
  t.strictSame(
    images.map(({ id, cells }) => [id, ...cells.map(({ state }) => state)]),
    [
      ['image-3', 'full', 'corrupt', 'unknown'],
      ['image-2', 'full', 'full', 'unknown'],
      ['image-1', 'full', 'missing', 'unknown'],
    ],
    'the newest first, and none without data',
  )
  t.match(images[0]?.cells[1], { placed: true, chunks: { damaged: 1, total: 5 } })
  t.match(asked, [[{ imageId: 'image-3' }, { imageId: 'image-1' }]])
  t.strictSame([next, ageSeconds], [null, 1.5])
})

t.test(
  'whoever does not answer in time, or with nonsense, is unknown: never full, never missing',
  async (t) => {
    const { map, network } = mapOf({ images: 1, held: [], told: [] })
    t.match((await map.page(all)).images, [{ cells: [{ state: 'full' }, { state: 'unknown' }, {}] }])
    network.down.add('b')
    t.match((await map.page(all)).images, [{ cells: [{ state: 'full' }, { state: 'unknown' }, {}] }])
  },
)

t.test('pages follow each other; a search looks at names and ids', async (t) => {
  const { map } = mapOf({ held: [rootOf(1), rootOf(2), rootOf(3)] })
  const first = await map.page({ ...all, limit: 2 })
  t.equal(first.next, 'image-2')
  const second = await map.page({ ...all, limit: 2, after: first.next })
  t.match(second, { images: [{ id: 'image-1' }], next: null })
  t.match((await map.page({ ...all, search: 'name 2' })).images, [{ id: 'image-2' }])
  t.match((await map.page({ ...all, search: 'image-3' })).images, [{ id: 'image-3' }])
  await t.rejects(map.page({ ...all, after: 'gone' }), { code: 'INVALID' })
  await t.rejects(mapOf({ caughtUp: false }).map.page(all), { code: 'UNAVAILABLE' })
})

t.test('what a node says of its own copies', async (t) => {
  const present = new Set([ROOT, 'c1', 'c2'])
  const damaged = new Set<string>()
  const chunks = {
    isHeld: () => false,
    has: (hash: string) => present.has(hash),
    isDamaged: (hash: string) => damaged.has(hash),
    isReferenced: (root: string, hash: string) => root === ROOT && present.has(hash),
  }
  const holder = {
    async *steps() {
      if (damaged.has('page')) throw new ClusterError('CHUNK_UNAVAILABLE', 'gone')
      yield ['c1', 'c2', 'c3']
    },
  }
  const inspection = new CopyInspection({ clock: { monotonicMs: () => 0 }, chunks, holder })
  const look = async (root = ROOT) => (await inspection.inspect([{ imageId: 'i', root, copies: null }]))[0]
  t.strictSame(await look(), { state: 'partial', chunks: { present: 3, damaged: 0, total: 4 } })
  t.strictSame(await look('other'), { state: 'missing', chunks: null })
  damaged.add('c2')
  t.strictSame(await look(), { state: 'corrupt', chunks: { present: 2, damaged: 1, total: 4 } })
  damaged.add('page')
  t.strictSame(await look(), { state: 'partial', chunks: null }, 'what cannot be counted is not guessed')
  damaged.add(ROOT)
  t.match(await look(), { state: 'corrupt' })
  present.delete('c1')
  present.delete('c2')
  damaged.clear()
  t.match(await look(), { state: 'missing' }, 'a manifest alone is no byte of the image')
  t.throws(() => decodeSources([{ imageId: 'i', root: 'no hash', copies: null }]), { code: 'BAD_FRAME' })
})
