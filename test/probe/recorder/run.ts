/** One recorded run: three real nodes, clients on all of them, faults from a seed, and the judgement. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../../../cluster/runtime.ts'
import { SeededRandom } from '../../sim/world/seeded-random.ts'
import { FaultRunner } from './fault-runner.ts'
import { scheduleFaults } from './fault-schedule.ts'
import { History } from './history.ts'
import { describeHistory, judge, type Violation } from './judge.ts'
import { NODES, RecordedCluster } from './recorded-cluster.ts'
import { reportRun } from './run-report.ts'
import { TestNetwork } from './test-network.ts'
import { Workload } from './workload.ts'
import { WrongClocks } from './wrong-clocks.ts'

export interface RunOptions {
  seed: number
  seconds: number
  signal: AbortSignal
  say: (line: string) => void
}

const CLIENTS_PER_NODE = 3
/** After the last fault; a node that starts catches up and dials within seconds, also on a busy machine. */
const RECOVERY_LIMIT_MS = 60_000
/** Seeds of what is drawn in one run, apart, so that the schedule depends on nothing else. */
const WORKLOAD_SALT = 0x9e3779b9
const CLOCK_SALT = 0x85ebca6b

/** Says what was exercised, and answers with what is wrong; then history and logs are kept. */
export async function recordRun({ seed, seconds, signal, say }: RunOptions): Promise<Violation[]> {
  const clocks = WrongClocks.find(new SeededRandom(seed ^ CLOCK_SALT))
  const noNetwork = TestNetwork.unavailable()
  say(`seed ${seed}: ${seconds} s; ${means(noNetwork, clocks)}`)
  const cluster = await RecordedCluster.start({ withNetwork: noNetwork === null, clocks, signal })
  try {
    return await new Run(cluster, { seed, seconds, signal, say }).judged()
  } finally {
    await cluster.close()
  }
}

function means(noNetwork: string | null, clocks: WrongClocks | null): string {
  const cuts = noNetwork === null ? 'links are cut' : `no link is cut (${noNetwork})`
  return `${cuts}; ${clocks ? 'clocks are minutes apart' : 'clocks are right (faketime is not installed)'}`
}

class Run {
  readonly #cluster: RecordedCluster
  readonly #options: RunOptions
  readonly #startedMs = systemClock.monotonicMs()
  readonly #history = new History(() => this.#nowMs())
  readonly #workload: Workload
  readonly #faults: FaultRunner

  constructor(cluster: RecordedCluster, options: RunOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#workload = new Workload({
      history: this.#history,
      random: new SeededRandom(options.seed ^ WORKLOAD_SALT),
      nowMs: () => this.#nowMs(),
      pause: (ms) => sleep(systemClock, ms),
    })
    const until = (atMs: number) => sleep(systemClock, Math.max(0, atMs - this.#nowMs()), options.signal)
    this.#faults = new FaultRunner({ cluster: cluster.dev, network: cluster.network, until })
  }

  async judged(): Promise<Violation[]> {
    const { say } = this.#options
    const recovery = await this.#play()
    for (const line of reportRun(this.#history.ops, this.#faults.done)) say(`  ${line}`)
    const violations = [...recovery, ...judge(this.#history.ops)]
    say(violations.length === 0 ? '  no violation' : `  VIOLATIONS: ${violations.length}`)
    for (const { id, what } of violations) say(`  ${id ?? ''} ${what}`)
    if (violations.length > 0) await this.#keep(violations)
    return violations
  }

  /** The run itself; answers whether the nodes came back from the last fault. */
  async #play(): Promise<Violation[]> {
    const { seed, seconds, signal } = this.#options
    const stopped = new AbortController()
    const clients = this.#cluster.sessions.flatMap((session, node) =>
      Array.from({ length: CLIENTS_PER_NODE }, () => this.#workload.client(node, session, stopped.signal)),
    )
    const limits = { nodes: NODES, runMs: seconds * 1000, withNetwork: this.#cluster.network !== null }
    try {
      await this.#faults.run(scheduleFaults(new SeededRandom(seed), limits))
      await sleep(systemClock, Math.max(0, limits.runMs - this.#nowMs()), signal)
    } finally {
      stopped.abort()
      await Promise.all(clients)
    }
    return this.#recover()
  }

  async #recover(): Promise<Violation[]> {
    try {
      await this.#cluster.allReady(RECOVERY_LIMIT_MS, this.#options.signal)
    } catch (error) {
      this.#options.signal.throwIfAborted()
      return [{ id: null, what: (error as Error).message }]
    }
    await this.#workload.readAll(this.#cluster.sessions)
    return []
  }

  async #keep(violations: readonly Violation[]): Promise<void> {
    const { seed, seconds, say } = this.#options
    const directory = join(tmpdir(), `serac-violation-seed-${seed}`)
    await this.#cluster.keepLogs(directory)
    const about = { seed, seconds, violations, faults: this.#faults.done }
    await this.#history.write(join(directory, 'history.jsonl'), about)
    for (const id of new Set(violations.flatMap((violation) => violation.id ?? [])))
      say(describeHistory(id, this.#history.ops))
    say(`  history and logs: ${directory}`)
  }

  #nowMs(): number {
    return systemClock.monotonicMs() - this.#startedMs
  }
}
