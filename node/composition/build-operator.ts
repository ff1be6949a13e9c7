/** What operators see of the cluster and may do to it, put together from the parts of a node. */
import type { OperatorComponents } from '../../api/status/status-routes.ts'
import type { StreamLimit } from '../../api/stream-limit.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { Traffic } from '../../cluster/network/traffic.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import type { ImageCache } from '../cache/image-cache.ts'
import type { SeracConfig } from '../config/options.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { DiscardedObjects } from '../images/discarded-objects.ts'
import type { OldGlance } from '../images/old-glance.ts'
import type { StoreList } from '../images/store-list.ts'
import type { Auditor } from '../loops/auditor.ts'
import type { BackendProber } from '../loops/backend-prober.ts'
import type { CacheKeeper } from '../loops/cache-keeper.ts'
import type { Loop } from '../loops/loop.ts'
import type { OutNodes } from '../loops/out-nodes.ts'
import type { RecordAuditor } from '../loops/record-auditor.ts'
import type { TombstoneReaper } from '../loops/tombstone-reaper.ts'
import { CacheAdmin } from '../status/cache-admin.ts'
import { CapacityTrend } from '../status/capacity-trend.ts'
import { ClusterAdmin } from '../status/cluster-admin.ts'
import { ClusterHistory } from '../status/cluster-history.ts'
import { CopyInspection, decodeSources } from '../status/copy-inspection.ts'
import type { LoopDelay } from '../status/event-loop-delay.ts'
import { Departures } from '../status/departures.ts'
import type { ClusterReport } from '../status/cluster-report.ts'
import { EventLog } from '../status/event-log.ts'
import { ImageAdmin } from '../status/image-admin.ts'
import { ImageMap } from '../status/image-map.ts'
import { LoopAdmin } from '../status/loop-admin.ts'
import { NodeMetrics } from '../status/metrics/node-metrics.ts'
import { Mutes } from '../status/mutes.ts'
import { StatusQuestions } from '../status/status-questions.ts'
import { StatusWatch } from '../status/status-watch.ts'
import { WorkAdmin } from '../status/work-admin.ts'
import { StoreAdmin } from '../status/store-admin.ts'
import type { Store } from '../store/store.ts'
import type { TaskRegisters } from '../tasks/task-registers.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import { levelOf } from './level-of.ts'
import { noteEvents } from './note-events.ts'
import type { StoreMoves } from './build-images.ts'
import { pendingImages } from './build-record-loops.ts'
import { buildReport, ownFigures, type ReportComponents } from './report.ts'

export interface OperatorParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  index: ImageIndex
  cluster: Cluster
  apiUrl: string
  registers: ImageRegisters
  holder: ImageHolder
  stores: StoreList
  tasks: TaskIndex
  taskRegisters: TaskRegisters
  discarded: DiscardedObjects
  storeMoves: StoreMoves
  cache: ImageCache | null
  cacheKeeper: CacheKeeper | null
  loops: {
    all: readonly Loop[]
    tombstones: TombstoneReaper
    auditor: Auditor
    records: RecordAuditor
    out: OutNodes
    backends: BackendProber | null
  }
  eventLoopDelay: () => LoopDelay
  /** Of the Glance API. */
  apiTraffic: Traffic
  streams: StreamLimit
  oldGlance: OldGlance | null
  /** Monotonic. */
  startedMs: number
}

/** All that the operator's server needs but who may use it; `stop` ends what samples. */
export function buildOperator(parts: OperatorParts): Omit<
  OperatorComponents,
  'access' | 'caches' | 'metadefs' | 'metrics' | 'moving' | 'page' | 'whyAway'
> & {
  metrics: NodeMetrics
  caches: CacheAdmin
  stop: () => void
} {
  const { log, identity, currentConfig: config, store, index, cluster, holder, loops, registers } = parts
  const self = identity.id
  const questions = new StatusQuestions({ self, rpc: cluster.control.rpc })
  const events = new EventLog(clock, log)
  const mutes = new Mutes(clock)
  const trend = new CapacityTrend(clock, () => ({
    storedBytes: store.chunks.storedBytes,
    freeBytes: store.space.freeBytes,
  }))
  const { chunks } = store
  const inspection = new CopyInspection({ clock, chunks, holder })
  questions.on('copies', async (sources) => inspection.inspect(decodeSources(sources)))
  const out = () => loops.out.view
  const facts: ReportComponents = {
    ...parts,
    self,
    clock,
    config,
    questions,
    events,
    mutes,
    trend,
    out,
    blockedTombstones: () => loops.tombstones.blocked,
    integrity: () => loops.auditor.progress,
    records: () => loops.records.progress,
    loops: () => loops.all.map((loop) => loop.describe()),
    backendConditions: () => loops.backends?.conditions ?? [],
    images: () => index.rows(),
  }
  const report = buildReport(facts)
  const watch = new StatusWatch({ clock, log, gather: () => report.gather() })
  const caughtUp = () => cluster.registers.caughtUp
  const isMember = (id: string) => config.current().nodes.some((node) => node.id === id)
  const checks = async () => (await watch.gather()).checks
  noteEvents({ ...parts, self }, events)
  trend.start()
  watch.start()
  return {
    clusterStatus: () => watch.gather(),
    metrics: buildMetrics(parts, facts, watch),
    admin: buildAdmin(parts, events),
    departures: buildDepartures(parts, report),
    loops: new LoopAdmin({ self, loops: loops.all, questions, events, isMember }),
    caches: buildCacheAdmin(parts, questions, events),
    map: new ImageMap({ clock, config, questions, report, index, out, caughtUp }),
    history: new ClusterHistory({ clock, config, questions, events, trend, mutes, checks }),
    images: new ImageAdmin({ clock, log, registers, pendingImages: () => pendingImages(index) }),
    stores: buildStoreAdmin(parts, report),
    work: new WorkAdmin({
      clock,
      log,
      index,
      registers,
      tasks: parts.tasks,
      taskRegisters: parts.taskRegisters,
    }),
    log,
    stop: () => {
      const text = 'The node stops in order.'
      events.note({ kind: 'NODE_STOPPING', severity: 'info', who: self, text })
      watch.stop()
      trend.stop()
    },
  }
}

function buildStoreAdmin(
  { registers, index, stores, discarded, storeMoves }: OperatorParts,
  report: ClusterReport,
): StoreAdmin {
  const { mover, pace } = storeMoves
  return new StoreAdmin({
    clock,
    registers,
    index,
    stores,
    mover,
    report,
    discarded: () => discarded.all,
    // What it was set to already is not set anew: what was spent counts.
    setRate: (bytesPerSecond) => {
      if (bytesPerSecond !== pace.rate.fixed) pace.fix(bytesPerSecond)
    },
  })
}

function buildCacheAdmin(
  { identity, apiUrl, cache, cacheKeeper: keeper, currentConfig, registers }: OperatorParts,
  questions: StatusQuestions,
  events: EventLog,
): CacheAdmin {
  return new CacheAdmin({
    self: identity.id,
    apiUrl,
    cache,
    keeper,
    questions,
    events,
    members: () => currentConfig.current().nodes.map(({ id }) => id),
    isActive: async (id) => {
      const known = await registers.read(id)
      return known?.live === true && known.record.status === 'active'
    },
  })
}

function buildMetrics(parts: OperatorParts, facts: ReportComponents, watch: StatusWatch): NodeMetrics {
  const { apiTraffic: api, streams, oldGlance, cluster, store, holder, currentConfig, startedMs } = parts
  return new NodeMetrics({
    own: () => ownFigures(facts),
    counts: () => ({
      api,
      transfers: streams.underWay,
      oldGlance: oldGlance?.counts ?? null,
      bulk: cluster.bulkTraffic,
      registers: cluster.registers.counts,
      repair: holder.pulled,
      heldImages: store.chunks.heldRoots().length,
      epoch: currentConfig.current().epoch,
    }),
    cluster: () => watch.latest,
    startedMs: clock.wallMs() - clock.monotonicMs() + startedMs,
  })
}

function buildDepartures(
  { config, identity, currentConfig, cluster, index }: OperatorParts,
  report: ClusterReport,
): Departures {
  const { control, registers } = cluster
  const self = identity.id
  const images = () => (registers.caughtUp ? index.rows() : null)
  const { copies, durableCopies: durable } = config.replication
  const { membership } = registers
  return new Departures(
    {
      self,
      clock,
      config: currentConfig,
      membership,
      report,
      images,
      levelOf: (id) => levelOf(id, { self, control }),
    },
    { copies, durable },
  )
}

function buildAdmin(
  { config, log, identity, currentConfig, cluster }: OperatorParts,
  events: EventLog,
): ClusterAdmin {
  const { control, registers } = cluster
  return new ClusterAdmin({
    self: identity.id,
    clock,
    random,
    log,
    events,
    config: currentConfig,
    membership: registers.membership,
    rendezvous: config.cluster.rendezvousBootstrap,
    stateOf: (id) => (control.liveness.isAlive(id) ? 'alive' : control.liveness.view(id).state),
    refusedJoins: () => registers.desk.refused,
  })
}
