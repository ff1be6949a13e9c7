import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { voteAuditor } from '../../../node/loops/vote-auditor.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const HOUR_MS = 3_600_000

function auditorOf() {
  const clock = new ManualClock()
  const votes = { isIntact: true, areWhole: true, checks: 0 }
  const lost: string[] = []
  const store = {
    get isIntact() {
      return votes.isIntact
    },
    checkVotes: async (pause: () => Promise<void>) => {
      votes.checks++
      await pause()
      return votes.areWhole
    },
  }
  const auditor = voteAuditor({ clock, log: silentLog, store, onLost: (why) => lost.push(why) })
  auditor.start()
  t.teardown(() => auditor.stop())
  return { clock, votes, lost }
}

t.test('all votes are checked once a day, not at the start, which has done so', async (t) => {
  const { clock, votes, lost } = auditorOf()
  await clock.advance(23 * HOUR_MS)
  t.equal(votes.checks, 0)
  await clock.advance(2 * HOUR_MS)
  t.equal(votes.checks, 1)
  await clock.advance(25 * HOUR_MS)
  t.equal(votes.checks, 2)
  t.strictSame(lost, [])
})

t.test('what is missing is told, and not looked for again until votes count again', async (t) => {
  const { clock, votes, lost } = auditorOf()
  votes.areWhole = false
  await clock.advance(25 * HOUR_MS)
  t.equal(lost.length, 1)
  votes.isIntact = false
  await clock.advance(25 * HOUR_MS)
  t.equal(votes.checks, 1)
  votes.isIntact = true
  votes.areWhole = true
  await clock.advance(HOUR_MS)
  t.equal(votes.checks, 2)
})
