/** `npm run test:kills -- --uploads N [--seed X]`: kill -9 at random moments of N uploads; see upload-kills.ts. */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { interruptSignal } from '../../../deploy/dev/interrupt-signal.ts'
import { SeededRandom } from '../../sim/world/seeded-random.ts'
import { RecordedCluster } from '../recorder/recorded-cluster.ts'
import { SOAK_SETTINGS } from '../soak/soak.ts'
import { killDuringUploads, reportKills, UploadKills } from './upload-kills.ts'

const SEED_MAX = 2 ** 31
const { values } = parseArgs({
  options: { uploads: { type: 'string', default: '200' }, seed: { type: 'string' } },
})
const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed)
const signal = interruptSignal()

console.log(`seed ${seed}: ${values.uploads} uploads`)
const cluster = await RecordedCluster.start({
  withNetwork: false,
  clocks: null,
  settings: SOAK_SETTINGS,
  signal,
})
try {
  const kills = new UploadKills({ cluster, random: new SeededRandom(seed), signal })
  const { rounds, wrong } = await killDuringUploads(kills, Number(values.uploads))
  for (const line of reportKills(rounds)) console.log(line)
  for (const what of wrong) console.log(`WRONG: ${what}`)
  if (wrong.length > 0) {
    const directory = join(tmpdir(), `serac-kills-seed-${seed}`)
    await cluster.keepLogs(directory)
    console.log(`logs: ${directory}`)
    process.exitCode = 1
  }
} catch (error) {
  console.error(signal.aborted ? (signal.reason as Error).message : error)
  process.exitCode = 1
} finally {
  await cluster.close()
}
