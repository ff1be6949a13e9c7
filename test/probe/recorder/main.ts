/**
 * `npm run test:record -- --runs N --seconds S [--seed X]`: real nodes under faults, every answer recorded and judged.
 * `-- --kills N` and `-- --hangs N`: one of three voters is lost N times; shows how long writes stood still.
 */
import { randomInt } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { interruptSignal } from '../../../deploy/dev/interrupt-signal.ts'
import { SeededRandom } from '../../sim/world/seeded-random.ts'
import { reportLosses } from './kill-report.ts'
import { KillRun, type Loss } from './kill-run.ts'
import { RecordedCluster } from './recorded-cluster.ts'
import { recordRun } from './run.ts'

const SEED_MAX = 2 ** 31
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    kills: { type: 'string' },
    hangs: { type: 'string' },
    seed: { type: 'string' },
  },
})
const seed = values.seed === undefined ? randomInt(SEED_MAX) : Number(values.seed)
const signal = interruptSignal()
const say = (line: string) => console.log(line)

try {
  const isRight =
    values.kills === undefined && values.hangs === undefined
      ? await recordRuns(Number(values.runs), Number(values.seconds))
      : await loseVoters(Number(values.kills ?? 0), Number(values.hangs ?? 0))
  process.exitCode = isRight ? 0 : 1
} catch (error) {
  console.error(signal.aborted ? (signal.reason as Error).message : error)
  process.exitCode = 1
}

async function recordRuns(runs: number, seconds: number): Promise<boolean> {
  let wrong = 0
  for (let run = 0; run < runs; run++) {
    const violations = await recordRun({ seed: seed + run, seconds, signal, say })
    if (violations.length > 0) wrong++
  }
  say(`${runs} runs of ${seconds} s, ${wrong} with violations`)
  return wrong === 0
}

async function loseVoters(kills: number, hangs: number): Promise<boolean> {
  say(`seed ${seed}`)
  const cluster = await RecordedCluster.start({ withNetwork: false, clocks: null, signal })
  try {
    const run = new KillRun({ cluster, random: new SeededRandom(seed), signal })
    await run.prepare()
    const areFine = [await lose(run, 'kill', kills), await lose(run, 'hang', hangs)].every(Boolean)
    if (!areFine) await keepLogs(cluster)
    return areFine
  } finally {
    await cluster.close()
  }
}

async function lose(run: KillRun, loss: Loss, times: number): Promise<boolean> {
  const results = []
  for (let time = 0; time < times; time++) results.push(await run.lose(loss))
  for (const line of times > 0 ? reportLosses(loss, results) : []) say(line)
  return results.every(({ failedReads }) => failedReads.length === 0)
}

async function keepLogs(cluster: RecordedCluster): Promise<void> {
  const directory = join(tmpdir(), `serac-failed-reads-seed-${seed}`)
  await cluster.keepLogs(directory)
  say(`logs: ${directory}`)
}
