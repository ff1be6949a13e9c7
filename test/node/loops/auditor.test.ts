import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { Auditor } from '../../../node/loops/auditor.ts'
import type { AuditMark } from '../../../node/store/chunk-rows.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const MIB = 1024 ** 2
const CHUNK = 4 * MIB
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const RATE_MAX = 40 * MIB

/** As many chunks as asked for, hashes spread evenly over all that there can be. */
function auditorOf(chunks: number, { mark = null as AuditMark | null, periodMs = 7 * DAY_MS } = {}) {
  const clock = new ManualClock()
  const hashes = Array.from({ length: chunks }, (_, i) =>
    Math.floor((i / chunks) * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
      .padEnd(64, '0'),
  )
  const state = { mark, saves: 0, isBusy: false, damaged: new Set<string>(), tidied: 0, verifyMs: 0 }
  const read: { hash: string; atMs: number }[] = []
  const auditor = new Auditor(
    {
      clock,
      log: silentLog,
      chunks: {
        hashesAfter: async (hash, count) =>
          hashes.filter((each) => hash === null || each > hash).slice(0, count),
        verify: async (hash) => {
          read.push({ hash, atMs: clock.monotonicMs() })
          if (state.verifyMs > 0) await new Promise<void>((resolve) => clock.after(state.verifyMs, resolve))
          return { state: state.damaged.has(hash) ? 'damaged' : 'sound', bytes: CHUNK }
        },
        tidyQuarantine: async () => void state.tidied++,
        storedBytes: chunks * CHUNK,
        get damage() {
          return { found: state.damaged.size, healed: 0, quarantined: state.damaged.size }
        },
      },
      record: {
        load: () => state.mark,
        save: async (saved) => {
          state.saves++
          state.mark = saved
        },
      },
      isForegroundBusy: () => state.isBusy,
    },
    { periodMs, bytesPerSecondMax: RATE_MAX },
  )
  t.teardown(() => auditor.loop.stop())
  return { auditor, clock, hashes, state, read }
}

t.test('reads each chunk once within the period, spread over it', async (t) => {
  const { auditor, clock, hashes, read } = auditorOf(1000)
  auditor.loop.start()
  await clock.advance(3.5 * DAY_MS)
  t.ok(Math.abs(read.length - 500) < 10, `half of them in half of the period: ${read.length}`)
  t.ok(Math.abs(auditor.progress.position - 0.5) < 0.01)
  await clock.advance(3.5 * DAY_MS + HOUR_MS)
  t.strictSame(
    read.slice(0, 1000).map(({ hash }) => hash),
    hashes,
  )
  t.match(auditor.progress, { pass: 2, lastPassEndedAt: /^2026-01-0[78]T/ })
})

t.test('never faster than its ceiling, whatever the period demands', async (t) => {
  const { auditor, clock, read } = auditorOf(1000, { periodMs: 1000 })
  auditor.loop.start()
  await clock.advance(10_000)
  const wanted = (10 * RATE_MAX) / CHUNK
  t.ok(Math.abs(read.length - wanted) <= 1, `${read.length} chunks in 10 s`)
  t.match(auditor.loop.describe(), { state: 'throttled', rate: { perSecond: RATE_MAX, fixed: null } })
})

t.test('an operator sets the rate: it holds at once, and pass follows pass', async (t) => {
  const { auditor, clock, read } = auditorOf(100)
  auditor.loop.start()
  await clock.advance(1000)
  t.equal(read.length, 1)
  auditor.loop.rate?.fix(CHUNK * 100)
  await clock.advance(1010)
  t.ok(Math.abs(read.length - 100) <= 2, `${read.length} chunks`)
  await clock.advance(10_000)
  t.equal(auditor.progress.pass, 2)
  auditor.loop.rate?.fix(null)
  const before = read.length
  await clock.advance(HOUR_MS)
  t.ok(read.length - before <= 2, 'then as the period demands')
})

t.test('goes on where it was after a restart, without writing more than now and then', async (t) => {
  const before = auditorOf(1000)
  before.auditor.loop.start()
  await before.clock.advance(DAY_MS)
  t.ok(before.state.saves <= DAY_MS / 300_000, `${before.state.saves} writes a day`)
  await before.auditor.loop.stop()
  t.equal(before.state.mark?.after, before.read.at(-1)?.hash, 'a stop loses nothing')

  const { auditor, clock, hashes, read } = auditorOf(1000, { mark: before.state.mark })
  auditor.loop.start()
  await clock.advance(HOUR_MS)
  t.equal(read[0]?.hash, hashes[before.read.length])
  t.equal(auditor.progress.pass, 1)
})

t.test('steps back while others move bytes', async (t) => {
  const { auditor, clock, state, read } = auditorOf(10_000, { periodMs: 1000 })
  state.isBusy = true
  state.verifyMs = 50
  auditor.loop.start()
  await clock.advance(9999)
  t.equal(read.length, 10_000 / (5 * state.verifyMs), 'four fifths of the time are theirs')
})

t.test('a chunk that cannot be read for a reason of its own does not hold up the others', async (t) => {
  const { auditor, clock, state, read } = auditorOf(100, { periodMs: 1000 })
  Object.defineProperty(state, 'verifyMs', {
    get: () => {
      if (read.length === 2) throw new Error('too many open files')
      return 0
    },
  })
  auditor.loop.start()
  await clock.advance(500)
  t.match(auditor.loop.describe(), { state: 'failed', lastError: 'too many open files' })
  await clock.advance(90_000)
  t.ok(read.length >= 100)
  t.equal(auditor.loop.describe().lastError, null)
})

t.test('an empty store is a pass without work; between passes it is idle', async (t) => {
  const { auditor, clock, state, read } = auditorOf(0)
  auditor.loop.start()
  await clock.advance(HOUR_MS)
  t.strictSame(read, [])
  t.match(auditor.loop.describe(), { state: 'idle', progress: { pass: 1, position: 1, found: 0 } })
  t.equal(state.saves, 1)
})

t.test('damage that nobody waits for any more is forgotten now and then', async (t) => {
  const { auditor, clock, state, hashes } = auditorOf(2)
  auditor.loop.start()
  await clock.advance(HOUR_MS)
  t.equal(state.tidied, 0, 'nothing to forget')
  state.damaged.add(hashes[0]!)
  await clock.advance(HOUR_MS)
  t.ok(state.tidied >= 5 && state.tidied <= 6, `${state.tidied} times in an hour`)
})
