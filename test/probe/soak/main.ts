/** `npm run test:soak -- --minutes N [--seed X]`: uploads, deletes and reapers race on three real nodes; see soak.ts. */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { interruptSignal } from '../../../deploy/dev/interrupt-signal.ts'
import { SeededRandom } from '../../sim/world/seeded-random.ts'
import { RecordedCluster } from '../recorder/recorded-cluster.ts'
import { Soak, SOAK_SETTINGS } from './soak.ts'

const SEED_MAX = 2 ** 31
/** Between two looks from within. */
const ROUND_MS = 60_000
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' } },
})
const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed)
const endMs = performance.now() + Number(values.minutes) * 60_000
const signal = interruptSignal()

console.log(`seed ${seed}: ${values.minutes} minutes`)
const cluster = await RecordedCluster.start({
  withNetwork: false,
  clocks: null,
  settings: SOAK_SETTINGS,
  signal,
})
try {
  const soak = new Soak({ cluster, random: new SeededRandom(seed), signal })
  for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
    const { counts, wrong } = await soak.round(Math.min(ROUND_MS, leftMs))
    console.log(JSON.stringify(counts))
    for (const what of wrong) console.log(`  WRONG: ${what}`)
    if (wrong.length === 0) continue
    const directory = join(tmpdir(), `serac-soak-seed-${seed}`)
    await cluster.keepLogs(directory)
    console.log(`logs: ${directory}`)
    process.exitCode = 1
    break
  }
} catch (error) {
  console.error(signal.aborted ? (signal.reason as Error).message : error)
  process.exitCode = 1
} finally {
  await cluster.close()
}
