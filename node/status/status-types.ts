/** Shapes of the operator's status document (architecture §7): the same JSON for API, CLI and page. */

import type { OldGlanceState } from '../images/old-glance-watch.ts'
import type { ImageSum } from './image-sum.ts'
import type { RescanProgress } from '../../cluster/register/rescan.ts'
import type { AuditProgress } from '../loops/auditor.ts'
import type { BackendCondition } from '../loops/backend-prober.ts'
import type { LoopState } from '../loops/loop.ts'
import type { CacheFigures } from '../cache/image-cache.ts'
import type { CheckCode } from './check-codes.ts'
import type { CapacityForecast } from './capacity-trend.ts'
import type { LoopDelay } from './event-loop-delay.ts'
import type { OutView } from '../loops/out-nodes.ts'
import type { RecordAuditProgress } from '../loops/record-auditor.ts'
import type { StoreCondition } from '../store/store.ts'
import type { StoreCount } from './store-count.ts'
import type { WorkCount } from './work-count.ts'
import type { Mute } from './mutes.ts'

export type Verdict = 'HEALTHY' | 'DEGRADED' | 'READ-ONLY' | 'CRITICAL'

export interface Check {
  code: CheckCode
  severity: 'info' | 'warning' | 'critical'
  /** ISO time since when it holds. */
  since: string
  /** Node id or image id it is about, or null for the cluster. */
  who: string | null
  why: string
  /** What the operator can do. */
  remedy: string
  /** While an operator has it muted: then it does not count for the verdict. Never for what is critical. */
  muted: Pick<Mute, 'reason' | 'until'> | null
}

/** A check before it is known since when it holds, and whether anybody minds. */
export type Finding = Omit<Check, 'since' | 'muted'>

export interface NodeStatus {
  id: string
  address: string
  role: 'voter' | 'storage' | 'edge'
  zone: string | null
  /** unknown: it could not be asked; its figures are then null. */
  state: 'alive' | 'suspect' | 'dead' | 'unknown'
  version: string | null
  /** What its release understands of the others, and reads on disk. */
  featureLevel: number | null
  diskVersion: number | null
  api: string | null
  uptimeSeconds: number | null
  /** Active images whose bytes this node holds in full. */
  imagesHeld: number | null
  caughtUp: boolean | null
  hashing: string | null
  /** How far its re-admission as a voter has come (R8), or null. */
  readmission: RescanProgress | null
  storedBytes: number | null
  freeBytes: number | null
  /** Of its file system. */
  totalBytes: number | null
  forecast: CapacityForecast | null
  /** What is wrong with its disk, and what was found wrong at its start. */
  store: StoreCondition | null
  /** Its chunks: how far the auditor has come, what was found damaged and healed since its start. */
  integrity: AuditProgress | null
  /** Its records: when and how they were compared with those of the voters. */
  records: RecordAuditProgress | null
  loops: LoopState[] | null
  /** The back ends as it sees them. */
  backends: BackendCondition[] | null
  /** How long its event loop kept others waiting within the last 10 to 20 s, or null. */
  eventLoopDelay: LoopDelay | null
  /** The Glance from which it reads ids that are unknown here, or null. */
  oldGlance: OldGlanceState | null
  /** Null: it has no image cache, or does not answer. */
  cache: CacheFigures | null
  /** Null unless an operator has drained it. */
  drain: NodeDrain | null
  /** Seconds since these figures were read. */
  ageSeconds: number | null
}

/** How far a drained node has come. Done: nothing is left. */
export interface NodeDrain {
  /** What it holds still; null when that is not known. */
  left: ImageSum | null
  /** By the pace so far, as the node that is asked has seen it; null when it has seen none. */
  etaSeconds: number | null
}

export interface ClusterStatus {
  verdict: Verdict
  summary: string
  checks: Check[]
  clusterId: string
  epoch: number
  /** In force: releases that understand less are kept out. */
  featureLevel: number
  nodes: NodeStatus[]
  /** A change of the voters under way (R10), with what its rescan has looked at so far; null when there is none. */
  voterChange: { from: string[]; to: string[]; progress: RescanProgress | null } | null
  /**
   * Storage nodes that the node that was asked counts as out: others stand in for them. `braked`: would be, but too many
   * vanished together.
   */
  out: OutView
  quorum: { votersUp: number; votersTotal: number; needed: number; canWrite: boolean }
  images: { total: number; active: number; queued: number; saving: number; other: number } | null
  /** Null: the node that was asked has not caught up yet. */
  stores: StoreCount[] | null
  /** Stages and tasks; null as above. */
  work: WorkCount | null
  redundancy: {
    /** Active images whose every wanted copy is in place. */
    full: number
    underReplicated: number
    /** No reachable node holds it in full. */
    unavailable: number
    /** Images that only unreachable nodes could answer for. */
    unknown: number
    /** Lowest number of full copies of any active image with data; null when there is none. */
    copiesMin: number | null
    /** Copies on nodes that they do not belong on (any more): they go when every other copy was verified. */
    misplaced: number
    /** Images with two and more copies, all in one zone, although there are more zones. */
    oneZone: number
    /** What nodes that answer still have to bring: images that are lacking somewhere, and the bytes of all such copies. */
    toCopy: ImageSum
    /** By node: images of which no other node that answers has a full copy, so that they go with it. */
    onlyOn: Record<string, ImageSum>
    /** By drained node: what it holds still. */
    onDrained: Record<string, ImageSum>
  } | null
  /** Null when no node that answers reads unknown ids from an old Glance. */
  oldGlance: FallThrough | null
  as_of: string
}

/** The Glance that the cluster takes over from ([moving] fall_through_url), over all nodes that name one and answer. */
export interface FallThrough {
  /** Without credentials; more than one is a mistake. */
  urls: string[]
  /** Whether each of these nodes reached it when it last tried. */
  answers: boolean
  /** Requests for images that are only there, since these nodes started. */
  requests: number
  /** ISO time of the last of them; null: none. */
  lastRequestAt: string | null
  /** ISO time from which on all of these nodes have counted: the start of the youngest. */
  countedSince: string
}
