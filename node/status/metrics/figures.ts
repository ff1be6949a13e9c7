/** What the metrics say now, read from what the node and the status know anyway. Unknown is NaN or absent, never 0. */
import type { OldGlanceCounts } from '../../images/old-glance-watch.ts'
import type { OwnFigures } from '../node-report.ts'
import type { ClusterStatus } from '../status-types.ts'
import type { MetricName } from './metric-table.ts'

export interface Sample {
  labels: Readonly<Record<string, string>>
  value: number
}

/** By name; a number where there are no labels. */
export type Figures = Partial<Record<MetricName, number | readonly Sample[]>>

/** What a node counts that its report does not carry. Totals since its start. */
export interface NodeCounts {
  api: { connections: number; receivedBytes: number; sentBytes: number }
  transfers: number
  /** null: there is none. */
  oldGlance: Readonly<OldGlanceCounts> | null
  bulk: { receivedBytes: number; sentBytes: number }
  registers: {
    operations: { done: number; refused: number; failed: number }
    reads: { done: number; failed: number }
    rounds: number
    roundsLost: number
  }
  repair: { images: number; chunks: number; bytes: number }
  heldImages: number
  epoch: number
}

const VERDICTS = ['HEALTHY', 'DEGRADED', 'READ-ONLY', 'CRITICAL'] as const
const NODE_STATES = ['alive', 'suspect', 'dead', 'unknown'] as const

export function countFigures({ api, bulk, registers, repair, ...counts }: NodeCounts): Figures {
  return {
    serac_http_connections: api.connections,
    serac_http_received_bytes_total: api.receivedBytes,
    serac_http_sent_bytes_total: api.sentBytes,
    serac_transfers: counts.transfers,
    ...(counts.oldGlance && { serac_old_glance_requests_total: byLabel('outcome', { ...counts.oldGlance }) }),
    serac_bulk_received_bytes_total: bulk.receivedBytes,
    serac_bulk_sent_bytes_total: bulk.sentBytes,
    serac_register_operations_total: byLabel('outcome', registers.operations),
    serac_register_reads_total: byLabel('outcome', registers.reads),
    serac_register_rounds_total: registers.rounds,
    serac_register_rounds_lost_total: registers.roundsLost,
    serac_repair_images_total: repair.images,
    serac_repair_chunks_total: repair.chunks,
    serac_repair_bytes_total: repair.bytes,
    serac_store_held_images: counts.heldImages,
    serac_config_epoch: counts.epoch,
  }
}

export function nodeFigures(own: OwnFigures): Figures {
  const { version, hashing, store, eventLoopDelay, records } = own
  return {
    serac_build_info: [{ labels: { version, hashing }, value: 1 }],
    serac_quorum: Number(own.hasQuorum),
    serac_voting: Number(own.abstains === null),
    serac_caught_up: Number(own.caughtUp),
    serac_store_used_bytes: own.storedBytes,
    serac_store_free_bytes: own.freeBytes,
    serac_store_size_bytes: own.totalBytes,
    serac_store_reserve_bytes: store?.freeBytesMin ?? Number.NaN,
    serac_store_writable: store ? Number(store.failure === null) : Number.NaN,
    serac_audit_healed_records_total: records?.healed ?? 0,
    serac_event_loop_delay_p99_seconds: seconds(eventLoopDelay?.p99Ms),
    serac_event_loop_delay_max_seconds: seconds(eventLoopDelay?.maxMs),
    ...auditFigures(own),
    ...cacheFigures(own),
    ...loopFigures(own),
    serac_backend_up: own.backends.map(({ store: id, failure, marker }) => ({
      labels: { store: id },
      value: failure === null && marker === null ? Number.NaN : Number(failure === null),
    })),
  }
}

function auditFigures({ integrity }: OwnFigures): Figures {
  if (!integrity) return {}
  return {
    serac_audit_pass_ratio: integrity.position,
    serac_audit_last_pass_timestamp_seconds: secondsOf(integrity.lastPassEndedAt),
    serac_audit_damaged_chunks_total: integrity.found,
    serac_audit_healed_chunks_total: integrity.healed,
    serac_audit_quarantined_chunks: integrity.quarantined,
  }
}

function cacheFigures({ cache }: OwnFigures): Figures {
  if (!cache) return {}
  return {
    serac_cache_images: cache.images,
    serac_cache_used_bytes: cache.usedBytes,
    serac_cache_size_bytes: cache.bytesMax,
    serac_cache_queued_images: cache.queued,
    serac_cache_hits_total: cache.hits,
    serac_cache_misses_total: cache.misses,
    serac_cache_evicted_images_total: cache.evicted,
    serac_cache_damaged_images_total: cache.damaged,
  }
}

function loopFigures({ loops }: OwnFigures): Figures {
  const queues = loops.flatMap(({ name, queue }) => (queue ? [{ loop: name, queue }] : []))
  const ofLoops = (valueOf: (loop: OwnFigures['loops'][number]) => number) =>
    loops.map((loop) => ({ labels: { loop: loop.name }, value: valueOf(loop) }))
  return {
    serac_loop_runs_total: ofLoops(({ runs }) => runs),
    serac_loop_failed: ofLoops(({ lastError }) => Number(lastError !== null)),
    serac_loop_paused: ofLoops(({ state }) => Number(state === 'paused')),
    serac_loop_queue_entries: queues.map(({ loop, queue }) => ({ labels: { loop }, value: queue.depth })),
    serac_loop_queue_oldest_age_seconds: queues.map(({ loop, queue }) => ({
      labels: { loop },
      value: seconds(queue.oldestAgeMs),
    })),
  }
}

export function processFigures(startedMs: number): Figures {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    process_start_time_seconds: seconds(startedMs),
    process_cpu_seconds_total: (user + system) / 1e6,
    process_resident_memory_bytes: rss,
    nodejs_heap_size_used_bytes: heapUsed,
    nodejs_external_memory_bytes: external,
  }
}

/** Null: nobody has gathered it yet. */
export function clusterFigures(latest: { status: ClusterStatus; ageMs: number } | null): Figures {
  if (!latest) return UNKNOWN_CLUSTER
  const { verdict, nodes, quorum, images, redundancy, checks } = latest.status
  const { total: _, ...byStatus } = images ?? { total: 0 }
  return {
    serac_cluster_status_age_seconds: seconds(latest.ageMs),
    serac_cluster_verdict: VERDICTS.map((each) => ({
      labels: { verdict: each },
      value: Number(each === verdict),
    })),
    serac_cluster_checks: countChecks(checks),
    serac_cluster_nodes: NODE_STATES.map((each) => ({
      labels: { state: each },
      value: nodes.filter(({ state }) => state === each).length,
    })),
    serac_cluster_voters: quorum.votersTotal,
    serac_cluster_voters_up: quorum.votersUp,
    serac_cluster_writable: Number(quorum.canWrite),
    serac_cluster_images: byLabel('status', byStatus),
    ...workFigures(latest.status),
    serac_cluster_redundancy_images: redundancy ? redundancyOf(redundancy) : [],
    serac_cluster_misplaced_copies: redundancy?.misplaced ?? Number.NaN,
    serac_cluster_lacking_images: redundancy?.toCopy.images ?? Number.NaN,
    serac_cluster_lacking_bytes: redundancy?.toCopy.bytes ?? Number.NaN,
  }
}

function workFigures({ stores, work }: ClusterStatus): Figures {
  const ofStores = (what: 'images' | 'bytes') =>
    (stores ?? []).map(({ id, images }) => ({ labels: { store: id }, value: images[what] }))
  return {
    serac_cluster_store_images: ofStores('images'),
    serac_cluster_store_bytes: ofStores('bytes'),
    serac_cluster_staged_images: work?.staged.images ?? Number.NaN,
    serac_cluster_staged_bytes: work?.staged.bytes ?? Number.NaN,
    serac_cluster_tasks: work ? byLabel('status', work.tasks) : [],
  }
}

const UNKNOWN_CLUSTER: Figures = {
  serac_cluster_staged_images: Number.NaN,
  serac_cluster_staged_bytes: Number.NaN,
  serac_cluster_status_age_seconds: Number.NaN,
  serac_cluster_voters: Number.NaN,
  serac_cluster_voters_up: Number.NaN,
  serac_cluster_writable: Number.NaN,
  serac_cluster_misplaced_copies: Number.NaN,
  serac_cluster_lacking_images: Number.NaN,
  serac_cluster_lacking_bytes: Number.NaN,
}

function redundancyOf(redundancy: NonNullable<ClusterStatus['redundancy']>): Sample[] {
  const { full, underReplicated, unavailable, unknown, oneZone } = redundancy
  return byLabel('state', {
    full,
    under_replicated: underReplicated,
    unavailable,
    unknown,
    one_zone: oneZone,
  })
}

function countChecks(checks: ClusterStatus['checks']): Sample[] {
  const samples = new Map<string, Sample>()
  for (const { code, severity, muted } of checks) {
    const labels = { code, severity, muted: String(muted !== null) }
    const name = JSON.stringify(labels)
    samples.set(name, { labels, value: (samples.get(name)?.value ?? 0) + 1 })
  }
  return [...samples.values()]
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

function seconds(ms: number | undefined): number {
  return ms === undefined ? Number.NaN : ms / 1000
}

function secondsOf(isoTime: string | null): number {
  return isoTime === null ? Number.NaN : Date.parse(isoTime) / 1000
}
