/** Short versions of `npm run test:record`: the answers of real nodes under faults, and what the loss of a voter does. */
import t from 'tap'
import { SeededRandom } from '../sim/world/seeded-random.ts'
import { KillRun, type Loss } from './recorder/kill-run.ts'
import { RecordedCluster } from './recorder/recorded-cluster.ts'
import { recordRun } from './recorder/run.ts'

/** Its faults are a kill, a hang, an isolated and a deaf node and more; without root kills, hangs and a lost majority. */
const SEED = 2
const SECONDS = 20
const LOSSES: readonly Loss[] = ['kill', 'hang', 'kill', 'hang']
const { signal } = new AbortController()

t.test('no answer of a node under faults is one that a single store could not give', async (t) => {
  const violations = await recordRun({ seed: SEED, seconds: SECONDS, signal, say: (line) => t.comment(line) })
  t.strictSame(violations, [])
})

t.test('one of three voters is lost: no strong read fails, and writes go on', async (t) => {
  const cluster = await RecordedCluster.start({ withNetwork: false, clocks: null, signal })
  t.teardown(() => cluster.close())
  const run = new KillRun({ cluster, random: new SeededRandom(SEED), signal })
  await run.prepare()
  for (const loss of LOSSES) {
    // It rejects when writes do not go on.
    const { failedReads, victim } = await run.lose(loss)
    t.strictSame(failedReads, [], `${loss} of node ${victim}`)
  }
})
