/** What one node tells the others for the status document. Roots travel as raw bytes: 32 each. */
import { ClusterError } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { RescanProgress } from '../../cluster/register/rescan.ts'
import type { OldGlanceState } from '../images/old-glance-watch.ts'
import type { CacheFigures } from '../cache/image-cache.ts'
import type { AuditProgress } from '../loops/auditor.ts'
import type { BackendCondition } from '../loops/backend-prober.ts'
import type { LoopState } from '../loops/loop.ts'
import type { RecordAuditProgress } from '../loops/record-auditor.ts'
import type { BlockedTombstones } from '../loops/tombstone-reaper.ts'
import { isCacheFigures } from './cache-admin.ts'
import type { CapacityForecast } from './capacity-trend.ts'
import type { LoopDelay } from './event-loop-delay.ts'
import { decodeMuteWords, type MuteWord } from './mutes.ts'
import type { StoreCondition } from '../store/store.ts'

export interface NodeReport {
  version: string
  /** What its release understands of the others, and reads on disk. Null: a release that does not say. */
  featureLevel: number | null
  diskVersion: number | null
  api: string | null
  uptimeSeconds: number
  caughtUp: boolean
  hasQuorum: boolean
  /** Null while it votes, or is no voter. */
  abstains: string | null
  /** How far its re-admission has come (R8); null when there is none under way. */
  readmission: RescanProgress | null
  /** How far a change of the voters has come that it drives (R10); null when it drives none. */
  voterChange: RescanProgress | null
  /** Deleted images that it cannot remove for good (R9), or null. */
  blockedTombstones: BlockedTombstones | null
  /** Its chunks: how far they were read back, what was damaged. Null: a release that does not say. */
  integrity: AuditProgress | null
  /** Its records: how they compared with those of the voters. Null: a release that does not say. */
  records: RecordAuditProgress | null
  loops: LoopState[]
  /** The back ends that it has; empty: none, or a release that does not say. */
  backends: BackendCondition[]
  /** How long its event loop kept others waiting of late. Null: a release that does not say. */
  eventLoopDelay: LoopDelay | null
  /** Null: it has no image cache. */
  cache: CacheFigures | null
  /** BLAKE3 by `native` or `wasm`. */
  hashing: string
  storedBytes: number
  freeBytes: number
  totalBytes: number
  forecast: CapacityForecast
  /** What it knows of checks that operators have muted. */
  mutes: MuteWord[]
  /** Null: a release that does not say. */
  store: StoreCondition | null
  /** The Glance from which it reads unknown ids; null: none, or a release that does not say. */
  oldGlance: OldGlanceState | null
  /** Manifest roots of which it holds everything, 64 hex digits each. */
  heldRoots: string[]
}

/** What a node knows of itself without looking at every image. */
export type OwnFigures = Omit<NodeReport, 'heldRoots'>

/** As it travels. */
type EncodedReport = OwnFigures & { heldRoots: Uint8Array }

const ROOT_BYTES = 32
/** Of a release that does not report them. */
const NOTHING_UNDER_WAY = {
  featureLevel: null,
  diskVersion: null,
  readmission: null,
  voterChange: null,
  blockedTombstones: null,
  integrity: null,
  records: null,
  store: null,
  oldGlance: null,
  loops: [],
  backends: [],
  eventLoopDelay: null,
  cache: null,
  forecast: { growthBytesPerDay: null, daysUntilFull: null },
  mutes: [],
}
/** Of a loop of a release that tells only its name, state and error. */
const LOOP_UNTOLD = { runs: 0, lastRunAt: null, queue: null, rate: null, progress: null }
const FIGURES = ['uptimeSeconds', 'storedBytes', 'freeBytes', 'totalBytes'] as const

export function encodeReport(report: NodeReport): EncodedReport {
  return { ...report, heldRoots: Buffer.from(report.heldRoots.join(''), 'hex') }
}

/** Throws BAD_FRAME. */
export function decodeReport(value: unknown): NodeReport {
  if (!isReport(value)) throw new ClusterError('BAD_FRAME', 'a status report is malformed')
  const hex = Buffer.from(value.heldRoots).toString('hex')
  const heldRoots = Array.from({ length: value.heldRoots.length / ROOT_BYTES }, (_, i) =>
    hex.slice(i * 2 * ROOT_BYTES, (i + 1) * 2 * ROOT_BYTES),
  )
  const loops = ((value.loops as LoopState[] | undefined) ?? []).map((loop) => ({ ...LOOP_UNTOLD, ...loop }))
  return { ...NOTHING_UNDER_WAY, ...value, loops, heldRoots }
}

function isReport(value: unknown): value is EncodedReport {
  const report = (value ?? {}) as Record<keyof NodeReport, unknown>
  const { version, api, abstains, hashing, caughtUp, hasQuorum, heldRoots } = report
  const {
    featureLevel = null,
    diskVersion = null,
    readmission = null,
    voterChange = null,
    blockedTombstones = null,
    integrity = null,
    records = null,
    store = null,
    oldGlance = null,
    loops = [],
    backends = [],
    eventLoopDelay = null,
    cache = null,
    forecast = NOTHING_UNDER_WAY.forecast,
    mutes = [],
  } = report
  return (
    [version, hashing].every((text) => typeof text === 'string') &&
    [api, abstains].every(isTextOrNull) &&
    [caughtUp, hasQuorum].every((flag) => typeof flag === 'boolean') &&
    [featureLevel, diskVersion].every((each) => each === null || Number.isSafeInteger(each)) &&
    FIGURES.every((name) => Number.isFinite(report[name])) &&
    [readmission, voterChange].every(isProgressOrNull) &&
    isBlockedOrNull(blockedTombstones) &&
    isIntegrityOrNull(integrity) &&
    isRecordsOrNull(records) &&
    isDelayOrNull(eventLoopDelay) &&
    (cache === null || isCacheFigures(cache)) &&
    isConditionOrNull(store) &&
    isOldGlanceOrNull(oldGlance) &&
    Array.isArray(loops) &&
    loops.every(isLoopState) &&
    Array.isArray(backends) &&
    backends.every(isBackendCondition) &&
    isForecast(forecast) &&
    decodeMuteWords(mutes).length >= 0 &&
    heldRoots instanceof Uint8Array &&
    heldRoots.length % ROOT_BYTES === 0
  )
}

function isProgressOrNull(value: unknown): boolean {
  if (value === null) return true
  const { registers, copied, copiedBytes, settled } = value as Partial<RescanProgress>
  return [registers, copied, copiedBytes, settled].every(Number.isFinite)
}

function isBlockedOrNull(value: unknown): boolean {
  if (value === null) return true
  const { due, away } = value as Partial<BlockedTombstones>
  return Number.isFinite(due) && Array.isArray(away) && away.every((id) => typeof id === 'string')
}

function isIntegrityOrNull(value: unknown): boolean {
  if (value === null) return true
  const { pass, position, found, healed, quarantined, lastPassEndedAt } = value as Partial<AuditProgress>
  return [pass, position, found, healed, quarantined].every(Number.isFinite) && isTextOrNull(lastPassEndedAt)
}

function isRecordsOrNull(value: unknown): boolean {
  if (value === null) return true
  const { passes, compared, healed, away, lastPassEndedAt } = value as Partial<RecordAuditProgress>
  const isAway = Array.isArray(away) && away.every((id) => typeof id === 'string')
  return [passes, compared, healed].every(Number.isFinite) && isAway && isTextOrNull(lastPassEndedAt)
}

function isDelayOrNull(value: unknown): boolean {
  if (value === null) return true
  const { p99Ms, maxMs } = value as Partial<LoopDelay>
  return [p99Ms, maxMs].every(Number.isFinite)
}

function isConditionOrNull(value: unknown): boolean {
  if (value === null) return true
  const condition = value as Partial<StoreCondition>
  const { failure, isFull, registersLost, indexRebuilt, freeBytesMin } = condition
  const { lostChunks, lostSegments, rescuedChunks } = condition
  return (
    isTextOrNull(failure) &&
    [isFull, registersLost].every((flag) => typeof flag === 'boolean') &&
    [freeBytesMin, lostChunks, lostSegments, rescuedChunks, indexRebuilt ?? 0].every(Number.isFinite)
  )
}

function isOldGlanceOrNull(value: unknown): boolean {
  if (value === null) return true
  const { url, counts, lastShownAt, lastAnswerAt, failure } = value as Partial<OldGlanceState>
  const { shown, opened, absent, failed } = counts ?? {}
  return (
    typeof url === 'string' &&
    [shown, opened, absent, failed].every(Number.isFinite) &&
    [lastShownAt, lastAnswerAt, failure].every(isTextOrNull)
  )
}

function isForecast(value: unknown): boolean {
  const { growthBytesPerDay, daysUntilFull } = (value ?? {}) as Partial<CapacityForecast>
  return [growthBytesPerDay, daysUntilFull].every((each) => each === null || Number.isFinite(each))
}

function isLoopState(value: unknown): boolean {
  const { name, state, lastError, queue = null, rate = null } = (value ?? {}) as Partial<LoopState>
  return (
    [name, state].every((text) => typeof text === 'string') &&
    isTextOrNull(lastError) &&
    (queue === null || [queue.depth, queue.oldestAgeMs].every(Number.isFinite)) &&
    (rate === null || (typeof rate.unit === 'string' && Number.isFinite(rate.perSecond)))
  )
}

function isBackendCondition(value: unknown): boolean {
  const { store, failure, marker } = (value ?? {}) as Partial<BackendCondition>
  return typeof store === 'string' && [failure, marker].every(isTextOrNull)
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

/** Until a node has caught up, its chunks count for nothing (R11). */
export function heldBy(reports: ReadonlyMap<NodeId, NodeReport>): Map<NodeId, ReadonlySet<string>> {
  const counted = [...reports].filter(([, { caughtUp }]) => caughtUp)
  return new Map(counted.map(([id, report]) => [id, rootsOf(report)]))
}

/** A report is looked at many times, and may tell of 100 000 images. */
const knownRoots = new WeakMap<NodeReport, ReadonlySet<string>>()

function rootsOf(report: NodeReport): ReadonlySet<string> {
  let roots = knownRoots.get(report)
  if (!roots) knownRoots.set(report, (roots = new Set(report.heldRoots)))
  return roots
}
