/** The same requests to a real Glance and to a Serac node: every difference is explained in differential/wanted.ts. */
import t from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { clientCluster } from './client-cluster.ts'
import type { Case } from './differential/case.ts'
import { Judge } from './differential/differences.ts'
import { DifferentialRunner } from './differential/runner.ts'
import { REASONS, type Reason } from './differential/wanted.ts'
import versions from './differential/cases/versions.ts'
import { RealGlance } from './real-glance.ts'

/** One file for each area; a new one is named here. */
const AREAS: Readonly<Record<string, readonly Case[]>> = { versions }

/** What both are told. */
const SHARED_SETTINGS: string[] = []

const [glance, [seracUrl]] = await Promise.all([
  RealGlance.start(t, SHARED_SETTINGS.map(parseSetting)),
  clientCluster(t, ['DEFAULT.auth_strategy=trusted_headers', ...SHARED_SETTINGS].map(parseSetting), 1),
])
const runner = new DifferentialRunner({ glance: glance.url, serac: seracUrl! })
t.teardown(() => runner.close())
const judge = new Judge()

for (const [area, scripts] of Object.entries(AREAS))
  t.test(`${area}: ${scripts.length} cases`, async (t) => {
    for (const script of scripts) t.strictSame(judge.unexplained(await runner.run(script)), [], script.name)
  })

t.test('every row of the table explains a difference', async (t) => {
  t.strictSame(judge.stale(), [])
  const count = Object.values(AREAS).reduce((sum, scripts) => sum + scripts.length, 0)
  t.comment(`${count} cases, ${runner.requests} requests to each`)
  for (const [reason, differences] of judge.byReason())
    t.comment(`${differences} wanted differences: ${REASONS[reason as Reason]}`)
})
