/**
 * One run: first safety, while everything breaks; then the world heals and the cluster must come to rest; then every
 * node is asked once more, and all that clients were told is judged.
 */
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import type { Log } from '../../cluster/runtime.ts'
import { checkHistory } from './checks/check-history.ts'
import { membersOf, unrest } from './checks/convergence.ts'
import type { Violation } from './checks/violation.ts'
import { Clients, type NotedOp } from './cluster/clients.ts'
import { SimCluster } from './cluster/sim-cluster.ts'
import type { Variant } from './cluster/variant.ts'
import { applyEvent, type Stage } from './schedule/apply-event.ts'
import { endOf, type Schedule } from './schedule/schedule.ts'
import { PEACE, SimNetwork, type NetworkCounts } from './world/sim-network.ts'
import { SimWorld } from './world/sim-world.ts'

export interface RunReport {
  /** When the first of the schedule's times was, ms. */
  beganMs: number
  violations: Violation[]
  history: NotedOp[]
  /** Equal for equal runs. */
  trace: string
  network: NetworkCounts
  /** What took place, by name. */
  done: ReadonlyMap<string, number>
  /** Requests without an answer, by error code. */
  failures: ReadonlyMap<string, number>
  /** What nodes logged as a warning or an error, by message. */
  logged: ReadonlyMap<string, number>
  eventsRun: number
}

/** A new cluster that meets no faults votes after one or two seconds; some networks are bad from the start. */
const RISE_MS_MAX = 5000
const RISE_LOOK_MS = 50
/** Requests of the first phase have ended, one way or the other, after this. */
const DRAIN_MS_MAX = 7000
const DRAIN_LOOK_MS = 100
/** Longest time to rest: several catch-up periods. */
const REST_MS_MAX = 60_000
const REST_LOOK_MS = 1000
/** What the reaper removes is in no client's history: it waits until nothing that a client gave up can take effect. */
const REAP_AFTER_MS = 10_000
const FINAL_READS_MS = 10_000

export async function runSchedule(schedule: Schedule, variant: Variant = {}): Promise<RunReport> {
  const logged = new Map<string, number>()
  const done = new Map<string, number>()
  const stage = setStage(schedule, variant, countingLog(logged), done)
  const { world, network, cluster, clients } = stage
  for (const id of schedule.ids) cluster.boot(id)
  if (schedule.risesFirst) await untilRisen(stage, schedule)
  network.suffer(schedule.network)
  const beganMs = world.nowMs
  for (const event of schedule.events) world.after(event.atMs, () => applyEvent(stage, event))
  await world.run(beganMs + Math.max(0, ...schedule.events.map(endOf)))
  await untilAnswered(stage)
  network.heal()
  cluster.heal()
  const restless = await untilAtRest(stage)
  if (restless.length === 0) await askEverybody(stage, schedule)
  return {
    beganMs,
    violations: [...restless, ...checkHistory(clients.history)],
    history: clients.history,
    trace: world.trace.digest(),
    network: network.counts,
    done,
    failures: clients.failures,
    logged,
    eventsRun: world.eventsRun,
  }
}

function setStage(schedule: Schedule, variant: Variant, log: Log, done: Map<string, number>): Stage {
  const world = new SimWorld(schedule.seed)
  const network = new SimNetwork(world, schedule.risesFirst ? PEACE : schedule.network)
  const note = (name: string) => void done.set(name, (done.get(name) ?? 0) + 1)
  const cluster = new SimCluster(
    { world, network, log, variant, note },
    {
      ids: schedule.ids,
      genesis: genesisOf(schedule),
      clocks: schedule.clocks,
      changeLogEntriesMax: schedule.changeLogEntriesMax,
    },
  )
  return { world, network, cluster, clients: new Clients(world, cluster, schedule.keys), note }
}

function genesisOf({ ids, voters }: Schedule): ClusterConfig {
  const nodes = ids.map((id): MemberNode => ({
    id,
    address: '',
    role: voters.includes(id) ? 'voter' : 'storage',
    zone: null,
    weight: 1,
  }))
  const fresh = { joint: null, databases: {}, invites: [], removed: [], featureLevel: 1 }
  return { clusterId: '00', epoch: 1, voters, nodes, ...fresh }
}

/** The faults begin when the new cluster is there. */
async function untilRisen({ world, cluster }: Stage, { voters }: Schedule): Promise<void> {
  const votes = (id: string) => cluster.node(id)?.abstains === null
  while (world.nowMs < RISE_MS_MAX && !voters.every(votes)) await world.run(world.nowMs + RISE_LOOK_MS)
}

async function untilAnswered({ world, clients }: Stage): Promise<void> {
  const deadlineMs = world.nowMs + DRAIN_MS_MAX
  while (world.nowMs < deadlineMs && clients.open > 0) await world.run(world.nowMs + DRAIN_LOOK_MS)
}

async function untilAtRest({ world, cluster, clients }: Stage): Promise<Violation[]> {
  const reapFromMs = world.nowMs + REAP_AFTER_MS
  const deadlineMs = world.nowMs + REST_MS_MAX
  for (;;) {
    await world.run(world.nowMs + REST_LOOK_MS)
    const reasons = unrest(cluster)
    if (reasons.length === 0) return []
    const mayReap = world.nowMs >= reapFromMs && clients.open === 0
    if (mayReap) for (const node of membersOf(cluster)) void node.reap()
    if (world.nowMs < deadlineMs) continue
    return reasons.map((message): Violation => ({ kind: 'convergence', message }))
  }
}

/** The truth at the end becomes part of the history: what was lost shows here at the latest. */
async function askEverybody({ world, cluster, clients }: Stage, { keys }: Schedule): Promise<void> {
  for (const node of membersOf(cluster)) {
    for (const key of keys) void clients.read(node, key)
    void clients.list(node)
  }
  await world.run(world.nowMs + FINAL_READS_MS)
}

function countingLog(counts: Map<string, number>): Log {
  const count = (fields: object, message: string) => {
    const error = 'error' in fields ? ` (${String(fields.error)})` : ''
    const line = `${message}${error}`
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  return { debug() {}, info() {}, warn: count, error: count }
}
