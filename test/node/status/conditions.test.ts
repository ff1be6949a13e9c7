/** Each code is brought about, seen with its severity and its remedy, and gone when it is cured. */
import t from 'tap'
import { CHECK_CODES } from '../../../node/status/check-codes.ts'
import { CONDITIONS } from './conditions.ts'
import { clusterOf } from './report-fixture.ts'

for (const code of CHECK_CODES) {
  t.test(code, async (t) => {
    const { severity, who, verdict, remedy, inject, with: others = [] } = CONDITIONS[code]
    const world = clusterOf()
    t.strictSame((await world.report.gather()).checks, [], 'all is well before')
    const cure = await inject(world)
    const sick = await world.report.gather()
    t.strictSame(sick.checks.map((check) => check.code).toSorted(), [code, ...others].toSorted())
    const check = sick.checks.find((each) => each.code === code)
    t.match(check, { severity, who, remedy, muted: null, since: '2026-01-01T00:00:00.000Z' })
    t.ok(check?.why)
    t.equal(sick.verdict, verdict)
    cure()
    const cured = await world.report.gather()
    t.match(cured, { verdict: 'HEALTHY', checks: [] })
    const kinds = world.events.latest(20).filter(({ kind }) => kind === code)
    t.strictSame(
      kinds.map((event) => event.severity),
      [
        ...Array.from({ length: kinds.length / 2 }, () => 'good'),
        ...kinds.slice(kinds.length / 2).map(() => severity),
      ],
      'both are events',
    )
  })
}
