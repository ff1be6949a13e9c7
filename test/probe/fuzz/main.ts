/** `npm run test:fuzz -- --cases N [--api v1] [--seed X [--path P]]`: N nasty requests to three real nodes; see fuzz.ts. */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { interruptSignal } from '../../../deploy/dev/interrupt-signal.ts'
import { RecordedCluster } from '../recorder/recorded-cluster.ts'
import { Fuzz } from './fuzz.ts'
import { nastyRequest, V2_SETTINGS } from './nasty-requests.ts'
import { nastyV1Request, V1_SETTINGS } from './nasty-v1-requests.ts'

const SEED_MAX = 2 ** 31
const MIB = 1024 ** 2
/** Of each node, once it is warm: the garbage collector lets it breathe by as much. */
const GROWTH_BYTES_MAX = 64 * MIB

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '20000' },
    api: { type: 'string', default: 'v2' },
    seed: { type: 'string' },
    path: { type: 'string' },
  },
})
const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed)
const signal = interruptSignal()
const requests = values.api === 'v1' ? nastyV1Request : nastyRequest
const settings = values.api === 'v1' ? V1_SETTINGS : V2_SETTINGS

console.log(`seed ${seed}: ${values.cases} cases`)
const cluster = await RecordedCluster.start({ withNetwork: false, clocks: null, settings, signal })
try {
  const fuzz = new Fuzz(cluster.dev.nodes, requests)
  const path = values.path === undefined ? {} : { path: values.path }
  const { sent, statuses, wrong, growthBytes } = await fuzz.run({
    cases: Number(values.cases),
    seed,
    signal,
    ...path,
  })
  const counts = [...statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`)
  console.log(`${sent} requests; answers: ${counts.join(', ')}`)
  console.log(`memory: ${growthBytes.map((bytes) => `${Math.round(bytes / MIB)} MiB`).join(', ')} more`)
  const problems = wrong === null ? [] : [wrong]
  if (growthBytes.some((bytes) => bytes > GROWTH_BYTES_MAX)) problems.push('the memory of a node has grown')
  for (const what of problems) console.log(`WRONG: ${what}`)
  if (problems.length > 0) {
    const directory = join(tmpdir(), `serac-fuzz-seed-${seed}`)
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
