import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { RecordState } from '../../../cluster/register/operations.ts'
import type { Collected } from '../../../cluster/register/tombstone-collector.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { TombstoneReaper } from '../../../node/loops/tombstone-reaper.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { imageOf } from '../images/image-fixture.ts'

const DAY_MS = 24 * 3_600_000
const HOUR_MS = 3_600_000
const KEEP_MS = 30 * DAY_MS

function reaperOf() {
  const clock = new ManualClock()
  const rows = new Map<string, RecordState>()
  const state = {
    caughtUp: true,
    mine: new Set<string>(),
    contended: new Set<string>(),
    votes: true,
    /** What a majority still holds. */
    held: new Set<string>(),
    hasMajority: true,
    away: [] as string[],
    down: [] as string[],
  }
  const collected: string[] = []
  const forgotten: string[] = []
  const reaper = new TombstoneReaper(
    {
      clock,
      log: silentLog,
      deletedKeys: () => [...rows.keys()],
      local: (key) => rows.get(key) ?? null,
      registers: {
        collect: async (key, isDue): Promise<Collected> => {
          if (state.away.length > 0)
            throw new ClusterError('NO_QUORUM', 'not every voter', { away: state.away })
          if (state.contended.delete(key)) return 'contended'
          const row = rows.get(key)
          if (!row || !isDue(row)) return 'kept'
          rows.delete(key)
          collected.push(key)
          return 'removed'
        },
        forgetRemoved: async (key) => {
          if (state.held.has(key)) return false
          if (!state.hasMajority) throw new ClusterError('NO_QUORUM', 'no majority was won')
          forgotten.push(key)
          return rows.delete(key)
        },
      },
      isAlive: (id) => !state.down.includes(id),
      isCoordinator: (key) => state.mine.has(key),
      isVoter: () => state.votes,
      caughtUp: () => state.caughtUp,
    },
    { keepMs: KEEP_MS },
  )
  t.teardown(() => reaper.loop.stop())
  const put = (key: string, ageMs: number | null) => {
    const deletedAt = ageMs === null ? null : new Date(clock.wallMs() - ageMs).toISOString()
    rows.set(key, { live: ageMs === null, record: imageOf({ deletedAt }) })
  }
  return { reaper, clock, rows, state, collected, forgotten, put }
}

t.test(
  'what was deleted long ago goes: here by the coordinator, elsewhere by whoever sees that it is gone',
  async (t) => {
    const { reaper, clock, state, collected, forgotten, rows, put } = reaperOf()
    put('mine', KEEP_MS)
    put('other', KEEP_MS)
    put('young', KEEP_MS - 1000)
    put('live', null)
    for (const key of ['mine', 'young', 'live']) state.mine.add(key)
    reaper.loop.start()
    await clock.advance(0)
    t.strictSame([collected, forgotten], [['mine'], ['other']])
    t.strictSame([...rows.keys()], ['young', 'live'])
    t.equal(reaper.blocked, null)
    await clock.advance(HOUR_MS + 60_000)
    t.strictSame(collected, ['mine', 'young'], 'an hour later it looks again')
  },
)

t.test('a voter that is away blocks it, and is named', async (t) => {
  const { reaper, clock, state, collected, put } = reaperOf()
  put('a', KEEP_MS)
  put('b', KEEP_MS)
  state.mine.add('a').add('b')
  state.away = state.down = ['voter-c']
  reaper.loop.start()
  await clock.advance(0)
  t.strictSame(reaper.blocked, { due: 2, away: ['voter-c'] })
  state.away = []
  await clock.advance(9 * 60_000)
  t.strictSame(collected, [], 'nobody tells that it is back')
  state.away = ['voter-c']
  state.down = []
  await clock.advance(60_000)
  t.match(reaper.blocked, { away: ['voter-c'] }, 'it is up, and does not vote yet')
  state.away = []
  await clock.advance(20_000)
  t.strictSame(collected, ['a', 'b'])
  t.equal(reaper.blocked, null)
})

t.test('what others work on at that moment is tried again soon', async (t) => {
  const { reaper, clock, state, collected, put } = reaperOf()
  put('a', KEEP_MS)
  state.mine.add('a')
  state.contended.add('a')
  reaper.loop.start()
  await clock.advance(0)
  t.strictSame(collected, [])
  await clock.advance(20_000)
  t.strictSame(collected, ['a'])
})

t.test('a voter that is back, and then a contended register: it goes on at the next look', async (t) => {
  const { reaper, clock, state, collected, put } = reaperOf()
  put('a', KEEP_MS)
  state.mine.add('a')
  state.away = state.down = ['voter-c']
  reaper.loop.start()
  await clock.advance(0)
  t.match(reaper.blocked, { due: 1 })
  state.away = state.down = []
  state.contended.add('a')
  await clock.advance(30_000)
  t.strictSame(collected, ['a'])
})

t.test('registers of others without an answer do not hold up those of this node', async (t) => {
  const { reaper, clock, state, collected, forgotten, put } = reaperOf()
  for (const key of ['other 1', 'mine', 'other 2']) put(key, KEEP_MS)
  state.mine.add('mine')
  state.hasMajority = false
  reaper.loop.start()
  await clock.advance(0)
  t.strictSame([collected, forgotten], [['mine'], []])
  t.equal(reaper.blocked, null)
  state.hasMajority = true
  await clock.advance(20_000)
  t.strictSame(forgotten, ['other 1', 'other 2'])
})

t.test('it stands still until this node has caught up', async (t) => {
  const { reaper, clock, state, collected, put } = reaperOf()
  put('a', KEEP_MS)
  state.mine.add('a')
  state.caughtUp = false
  reaper.loop.start()
  await clock.advance(60_000)
  t.strictSame(collected, [])
  state.caughtUp = true
  await clock.advance(60_000)
  t.strictSame(collected, ['a'])
})

t.test('what its coordinator leaves is removed by another voter, hours later', async (t) => {
  const { reaper, clock, state, collected, put } = reaperOf()
  put('left', KEEP_MS)
  state.held.add('left')
  state.votes = false
  reaper.loop.start()
  await clock.advance(4 * HOUR_MS)
  t.strictSame(collected, [], 'whoever does not vote only follows')
  state.votes = true
  await clock.advance(2 * HOUR_MS)
  t.strictSame(collected, ['left'])
})
