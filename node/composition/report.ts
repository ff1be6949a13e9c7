/** Puts the status document together from the parts of a node. */
import { hashEngine } from '../../cluster/content-hash.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { FEATURE_LEVEL } from '../../cluster/membership/feature-level.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { isVoter } from '../../cluster/register/quorum.ts'
import type { Clock } from '../../cluster/runtime.ts'
import type { CacheFigures } from '../cache/image-cache.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { AuditProgress } from '../loops/auditor.ts'
import type { StoreList } from '../images/store-list.ts'
import type { BackendCondition } from '../loops/backend-prober.ts'
import type { LoopState } from '../loops/loop.ts'
import type { OutView } from '../loops/out-nodes.ts'
import type { OldGlance } from '../images/old-glance.ts'
import type { RecordAuditProgress } from '../loops/record-auditor.ts'
import type { BlockedTombstones } from '../loops/tombstone-reaper.ts'
import type { CapacityTrend } from '../status/capacity-trend.ts'
import { ClusterReport } from '../status/cluster-report.ts'
import type { EventLog } from '../status/event-log.ts'
import type { LoopDelay } from '../status/event-loop-delay.ts'
import type { Mutes } from '../status/mutes.ts'
import type { OwnFigures } from '../status/node-report.ts'
import type { StatusQuestions } from '../status/status-questions.ts'
import { FORMAT_VERSION } from '../store/format-version.ts'
import type { Store } from '../store/store.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import { SERAC_VERSION } from '../version.ts'

export interface ReportComponents {
  self: NodeId
  clock: Clock
  config: CurrentConfig
  store: Store
  cluster: Cluster
  /** Where clients reach this node. */
  apiUrl: string
  /** Monotonic. */
  startedMs: number
  blockedTombstones: () => BlockedTombstones | null
  integrity: () => AuditProgress
  records: () => RecordAuditProgress
  loops: () => LoopState[]
  backendConditions: () => BackendCondition[]
  stores: StoreList
  tasks: TaskIndex
  eventLoopDelay: () => LoopDelay
  oldGlance: OldGlance | null
  /** null: this node has none. */
  cache: { readonly figures: CacheFigures } | null
  out: () => OutView
  questions: StatusQuestions
  mutes: Mutes
  events: EventLog
  trend: CapacityTrend
  /** Every image that this node knows. */
  images: () => Iterable<ImageRecord>
}

export function buildReport(components: ReportComponents): ClusterReport {
  const { self, clock, config, cluster, images } = components
  const { control, registers } = cluster
  const { chunks } = components.store
  return new ClusterReport({
    self,
    clock,
    config,
    questions: components.questions,
    mutes: components.mutes,
    events: components.events,
    stateOf: (id) => control.liveness.view(id).state,
    refusals: () => control.refusals().map(({ peer, code, message }) => ({ peer, code, reason: message })),
    ownReport: () => ({ ...ownFigures(components), heldRoots: chunks.heldRoots() }),
    out: components.out,
    images: () => (registers.caughtUp ? images() : null),
    storeList: components.stores,
    tasks: () => components.tasks.all(),
  })
}

export function ownFigures(components: ReportComponents): OwnFigures {
  const { self, clock, config, store, cluster, apiUrl, startedMs } = components
  const { registers } = cluster
  return {
    version: SERAC_VERSION,
    featureLevel: FEATURE_LEVEL,
    diskVersion: FORMAT_VERSION,
    api: apiUrl,
    uptimeSeconds: Math.round((clock.monotonicMs() - startedMs) / 1000),
    caughtUp: registers.caughtUp,
    hasQuorum: registers.hasQuorum,
    abstains: whyNotVoting(self, config, cluster),
    readmission: registers.readmission,
    voterChange: registers.membership.progress,
    blockedTombstones: components.blockedTombstones(),
    integrity: components.integrity(),
    records: components.records(),
    loops: components.loops(),
    backends: components.backendConditions(),
    eventLoopDelay: components.eventLoopDelay(),
    cache: components.cache?.figures ?? null,
    hashing: hashEngine.kind,
    storedBytes: store.chunks.storedBytes,
    freeBytes: store.space.freeBytes,
    totalBytes: store.space.totalBytes,
    forecast: components.trend.forecast(store.space),
    mutes: components.mutes.words(),
    store: store.condition,
    oldGlance: components.oldGlance?.state ?? null,
  }
}

/** Why a voter does not vote; null while it does, and for nodes that are no voters. */
export function whyNotVoting(self: NodeId, config: CurrentConfig, { registers }: Cluster): string | null {
  return isVoter(config.current(), self) ? registers.abstains() : null
}
