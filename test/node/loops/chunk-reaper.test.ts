import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { ChunkReaper } from '../../../node/loops/chunk-reaper.ts'
import type { WalkedChunk } from '../../../node/store/claim-walk.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const GRACE_MS = 3_600_000
const ROUND_MS = GRACE_MS / 24
/** A round after the grace, a failed one included. */
const LATE_MS = ROUND_MS + 60_000

function reaperOf() {
  const clock = new ManualClock()
  const chunks = new Map<string, WalkedChunk>()
  const put = (hash: string, fields: Partial<WalkedChunk> = {}) =>
    chunks.set(hash, {
      ...{ hash, isHere: true, isReferenced: false, isPinned: false, isRoot: false, isMissed: false },
      ...fields,
    })
  const isClaimed = (hash: string) => {
    const chunk = chunks.get(hash)
    return chunk !== undefined && (chunk.isReferenced || chunk.isPinned)
  }
  const state = {
    mayRun: true,
    settle: (): Promise<void> => Promise.resolve(),
    known: new Set<string>(),
    /** Between the walk's look at a chunk and what the reaper does about it. */
    onWalked: (_hash: string): void => {},
  }
  const removed: string[] = []
  const released: string[][] = []
  let onClaimed: (hash: string) => void = () => {}
  const reaper = new ChunkReaper(
    {
      clock,
      log: silentLog,
      chunks: {
        walkClaims: async function* () {
          for (const chunk of [...chunks.values()]) {
            const seen = { ...chunk }
            state.onWalked(chunk.hash)
            yield seen
          }
        },
        isClaimed: (hash) => Promise.resolve(isClaimed(hash)),
        removeUnclaimed: (hash) => {
          if (isClaimed(hash) || !chunks.delete(hash)) return Promise.resolve(false)
          removed.push(hash)
          return Promise.resolve(true)
        },
        onClaimed: (listener) => {
          onClaimed = listener
        },
      },
      claims: {
        settleUploads: () => state.settle(),
        knownRoots: () => state.known,
        releaseUnwanted: async (roots) => void released.push([...roots]),
      },
      mayRun: () => state.mayRun,
    },
    { graceMs: GRACE_MS },
  )
  t.teardown(() => reaper.loop.stop())
  const claim = (hash: string, fields: Partial<WalkedChunk>) => {
    put(hash, fields)
    onClaimed(hash)
  }
  return { reaper, clock, state, chunks, put, claim, removed, released }
}

t.test('what nothing wants goes after the grace, and not before; what is wanted stays', async (t) => {
  const { reaper, clock, put, chunks, removed } = reaperOf()
  put('unwanted')
  put('referenced', { isReferenced: true })
  put('pinned', { isPinned: true })
  reaper.loop.start()
  await clock.advance(GRACE_MS - 1000)
  t.strictSame(removed, [])
  t.match(reaper.loop.describe(), {
    name: 'chunk-reaper',
    queue: { depth: 1, oldestAgeMs: GRACE_MS - 1000 },
  })
  await clock.advance(LATE_MS)
  t.strictSame(removed, ['unwanted'])
  t.strictSame([...chunks.keys()], ['referenced', 'pinned'])
  t.equal(reaper.loop.describe().queue?.depth, 0)
})

t.test('a put, a have and an unpin begin the grace anew', async (t) => {
  const { reaper, clock, put, claim, removed } = reaperOf()
  put('a')
  reaper.loop.start()
  await clock.advance(GRACE_MS / 2)
  // Between two rounds: no walk ever sees the pin.
  claim('a', { isPinned: true })
  put('a')
  await clock.advance(GRACE_MS - 1000)
  t.strictSame(removed, [])
  await clock.advance(LATE_MS)
  t.strictSame(removed, ['a'])
})

t.test('a claim that comes behind the walk takes the note back', async (t) => {
  const { reaper, clock, state, claim, put, removed } = reaperOf()
  put('a')
  state.onWalked = (hash) => claim(hash, { isPinned: true })
  reaper.loop.start()
  await clock.advance(0)
  t.equal(reaper.loop.describe().queue?.depth, 0)
  state.onWalked = () => {}
  put('a')
  await clock.advance(GRACE_MS)
  t.strictSame(removed, [])
})

t.test('stands still until the node has caught up and while its store is not writable', async (t) => {
  const { reaper, clock, state, put, removed, released } = reaperOf()
  state.mayRun = false
  put('a')
  put('root', { isReferenced: true, isRoot: true })
  reaper.loop.start()
  await clock.advance(GRACE_MS)
  t.strictSame([released, reaper.loop.describe().queue?.depth], [[], 0])
  state.mayRun = true
  await clock.advance(GRACE_MS / 2)
  state.mayRun = false
  await clock.advance(GRACE_MS)
  t.strictSame(removed, [], 'also in the midst of the grace')
  state.mayRun = true
  await clock.advance(LATE_MS)
  t.strictSame(removed, ['a'])
})

t.test('without a majority nothing is let go, and what was in its grace goes all the same', async (t) => {
  const { reaper, clock, state, put, removed, released } = reaperOf()
  put('a')
  reaper.loop.start()
  await clock.advance(ROUND_MS)
  const before = released.length
  put('root', { isReferenced: true, isRoot: true })
  state.settle = () => Promise.reject(new Error('no majority'))
  await clock.advance(GRACE_MS)
  t.strictSame(removed, ['a'])
  t.equal(released.length, before)
  t.match(reaper.loop.describe(), { state: 'failed', lastError: 'no majority' })
})

t.test('roots without an image are proposed, but those of an upload that goes on', async (t) => {
  const { reaper, clock, state, put, released } = reaperOf()
  const root = { isReferenced: true, isRoot: true }
  put('unknown', root)
  put('known', root)
  put('uploading', { ...root, isPinned: true })
  put('missing manifest', { ...root, isHere: false })
  state.known.add('known')
  reaper.loop.start()
  await clock.advance(0)
  t.strictSame(released, [['unknown', 'missing manifest']])
})
