/** A minute of `npm run test:soak`. */
import t from 'tap'
import { ProbeCluster } from '../helpers/probe-cluster.ts'
import { SeededRandom } from '../sim/world/seeded-random.ts'
import { Soak, SOAK_SETTINGS } from './soak/soak.ts'

const SEED = 1
const LOAD_MS = 60_000

t.test('uploads, deletes and reapers race: no image misses a chunk, and nothing else is left', async (t) => {
  const cluster = await ProbeCluster.start(t, { settings: SOAK_SETTINGS })
  const { signal } = new AbortController()
  const soak = new Soak({ cluster, random: new SeededRandom(SEED), signal })
  const { counts, wrong } = await soak.round(LOAD_MS)
  t.strictSame(wrong, [])
  for (const what of ['uploads', 'deletes', 'reads', 'hang-ups']) t.ok((counts[what] ?? 0) > 0, what)
  t.comment(JSON.stringify(counts))
})
