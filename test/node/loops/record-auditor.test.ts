import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { AuditedPage, Suspect } from '../../../cluster/register/row-audit.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { RecordAuditor } from '../../../node/loops/record-auditor.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const HOUR_MS = 3_600_000
const PAGE: AuditedPage = { suspects: [], damaged: 0, rows: 250, afterKey: null }
const SUSPECT: Suspect = { key: 'image/1', own: null }

/** Four pages at each of two nodes. */
function auditorOf() {
  const clock = new ManualClock()
  const asked: { source: string; afterKey: string; atMs: number }[] = []
  const mended: { key: string; atMs: number }[] = []
  const state = { caughtUp: true, away: '', suspectAt: '', damagedAt: '', wrong: true, hasQuorum: true }
  const auditor = new RecordAuditor({
    clock,
    log: silentLog,
    rows: {
      sources: () => ['a', 'b'],
      page: async (source, afterKey) => {
        asked.push({ source, afterKey, atMs: clock.monotonicMs() })
        if (state.away === source) throw new ClusterError('PEER_UNREACHABLE', 'it is away')
        const number = afterKey === '' ? 1 : Number(afterKey) + 1
        const suspects = state.suspectAt === `${source}${number}` ? [SUSPECT] : []
        const damaged = state.damagedAt === `${source}${number}` ? 2 : 0
        return { ...PAGE, suspects, damaged, afterKey: number === 4 ? null : String(number) }
      },
      mend: async ({ key }) => {
        if (!state.hasQuorum) throw new ClusterError('NO_QUORUM', 'alone')
        mended.push({ key, atMs: clock.monotonicMs() })
        return state.wrong
      },
    },
    caughtUp: () => state.caughtUp,
  })
  t.teardown(() => auditor.loop.stop())
  auditor.loop.start()
  return { auditor, clock, state, asked, mended }
}

t.test('once a day all is compared with every node, at its pace', async (t) => {
  const { auditor, clock, asked } = auditorOf()
  await clock.advance(23 * HOUR_MS)
  t.equal(asked.length, 0, 'the start has read everything')
  await clock.advance(2 * HOUR_MS)
  t.strictSame(
    asked.map(({ source, afterKey }) => source + afterKey),
    ['a', 'a1', 'a2', 'a3', 'b', 'b1', 'b2', 'b3'],
  )
  t.equal(asked[1]!.atMs - asked[0]!.atMs, 125, '250 rows at 2000 a second')
  t.match(auditor.progress, {
    passes: 1,
    compared: 2000,
    healed: 0,
    away: [],
    lastPassEndedAt: /^2026-01-02T/,
  })
  await clock.advance(24 * HOUR_MS)
  t.equal(auditor.progress.passes, 2)
})

t.test(
  'what differs is looked at again when a change would have come, and counts when it was wrong',
  async (t) => {
    const { auditor, clock, state, asked, mended } = auditorOf()
    state.suspectAt = 'a2'
    auditor.loop.rate!.fix(1e6)
    await clock.advance(10_000)
    t.equal(asked.length, 8)
    t.equal(mended.length, 0)
    t.match(auditor.progress, { passes: 0 }, 'the pass is not over')
    await clock.advance(6000)
    t.match(mended, [{ key: 'image/1' }])
    t.ok(mended[0]!.atMs >= 15_000)
    t.match(auditor.progress, { passes: 1, healed: 1 })
    state.wrong = false
    await clock.advance(40_000)
    t.ok(mended.length > 1, 'at a fixed rate pass follows pass')
    t.match(auditor.progress, { healed: 1 }, 'a row that was right is none')
  },
)

t.test('damage counts at once; a node that is away is named and the rest goes on', async (t) => {
  const { auditor, clock, state, asked } = auditorOf()
  state.damagedAt = 'b4'
  state.away = 'a'
  auditor.loop.rate!.fix(1e6)
  await clock.advance(5000)
  t.strictSame(
    asked.map(({ source }) => source),
    ['a', 'b', 'b', 'b', 'b'],
  )
  t.match(auditor.progress, { passes: 1, healed: 2, away: ['a'] })
})

t.test(
  'without a majority a suspect waits; before this node has caught up nothing is looked at',
  async (t) => {
    const { auditor, clock, state, asked, mended } = auditorOf()
    state.caughtUp = false
    auditor.loop.rate!.fix(1e6)
    await clock.advance(60_000)
    t.equal(asked.length, 0)
    state.caughtUp = true
    state.suspectAt = 'b1'
    state.hasQuorum = false
    await clock.advance(120_000)
    t.match(auditor.loop.describe(), { state: 'failed', lastError: 'alone' })
    state.hasQuorum = true
    await clock.advance(120_000)
    t.ok(mended.length >= 1)
    t.ok(auditor.progress.passes >= 1)
  },
)
