/** A few of `npm run test:kills`. */
import t from 'tap'
import { ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { SeededRandom } from '../sim/world/seeded-random.ts'
import { killDuringUploads, reportKills, UploadKills } from './kills/upload-kills.ts'
import { SOAK_SETTINGS } from './soak/soak.ts'

const SEED = 1
/** A round is four uploads: one round of each kind of kill, in the short form of the first two. */
const UPLOADS = isFullForm ? 16 : 8

t.test('kill -9 at random moments of uploads: nothing acknowledged is lost, nothing is stuck', async (t) => {
  const cluster = await ProbeCluster.start(t, { settings: SOAK_SETTINGS })
  const { signal } = new AbortController()
  const kills = new UploadKills({ cluster, random: new SeededRandom(SEED), signal })
  const { rounds, wrong } = await killDuringUploads(kills, UPLOADS)
  for (const line of reportKills(rounds)) t.comment(line)
  t.strictSame(wrong, [])
  t.equal(rounds.length * 4, UPLOADS)
})
