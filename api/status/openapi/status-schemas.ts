/** Schemas of the status document and of what is in it (node/status/status-types.ts). */
import { CHECK_CODES } from '../../../node/status/check-codes.ts'
import {
  flag,
  integer,
  listOf,
  mapOf,
  nodeId,
  number,
  object,
  oneOf,
  orNull,
  ref,
  text,
  time,
  type Schema,
} from './schema-words.ts'

const counts = object({ images: integer(), bytes: integer() })

const check = object({
  code: oneOf(CHECK_CODES),
  severity: oneOf(['info', 'warning', 'critical']),
  since: time,
  who: orNull(text(), 'Node or image it is about; null: the cluster.'),
  why: text(),
  remedy: text('What the operator can do.'),
  muted: orNull(
    object({ reason: text(), until: time }),
    'While it is muted it does not count for the verdict.',
  ),
})

const nodeStatus = object({
  id: nodeId,
  address: text('host:port of its control plane.'),
  role: oneOf(['voter', 'storage', 'edge']),
  zone: orNull(text(), 'Failure domain; null: its own.'),
  state: oneOf(['alive', 'suspect', 'dead', 'unknown'], 'Of one that does not answer all figures are null.'),
  version: orNull(text()),
  featureLevel: orNull(integer(), 'What its release understands of the others.'),
  diskVersion: orNull(integer(), 'What its release reads.'),
  api: orNull(text(), 'URL of its Glance API.'),
  uptimeSeconds: orNull(number()),
  imagesHeld: orNull(integer()),
  caughtUp: orNull(flag()),
  hashing: orNull(text()),
  readmission: orNull(ref('RescanProgress')),
  storedBytes: orNull(number()),
  freeBytes: orNull(number()),
  totalBytes: orNull(number()),
  forecast: orNull(
    object({
      growthBytesPerDay: orNull(number()),
      daysUntilFull: orNull(number(), 'null: never, or unknown.'),
    }),
  ),
  store: orNull(ref('StoreCondition')),
  integrity: orNull(ref('AuditProgress')),
  records: orNull(ref('RecordAuditProgress')),
  loops: orNull(listOf(ref('LoopState'))),
  backends: orNull(
    listOf(
      object({
        store: text(),
        failure: orNull(text(), 'Why it cannot be used.'),
        marker: orNull(text(), 'Where nodes find different ones, they look at different places.'),
      }),
    ),
  ),
  eventLoopDelay: orNull(object({ p99Ms: number(), maxMs: number() })),
  oldGlance: orNull(ref('OldGlanceState'), 'null: no [moving] fall_through_url.'),
  cache: orNull(ref('CacheFigures'), 'null: it has no image cache.'),
  drain: orNull(
    object({ left: orNull(counts, 'What it holds still; null: not known.'), etaSeconds: orNull(number()) }),
    'null: nobody has drained it.',
  ),
  ageSeconds: orNull(number(), 'Since these figures were read.'),
})

const clusterStatus = object({
  verdict: oneOf(['HEALTHY', 'DEGRADED', 'READ-ONLY', 'CRITICAL']),
  summary: text('One sentence.'),
  checks: listOf(ref('Check')),
  clusterId: text(),
  epoch: integer(),
  featureLevel: integer('In force: releases that understand less are kept out.'),
  nodes: listOf(ref('NodeStatus')),
  voterChange: orNull(
    object({ from: listOf(nodeId), to: listOf(nodeId), progress: orNull(ref('RescanProgress')) }),
  ),
  out: object({ out: listOf(nodeId), braked: listOf(nodeId) }),
  quorum: object({ votersUp: integer(), votersTotal: integer(), needed: integer(), canWrite: flag() }),
  images: orNull(
    object({ total: integer(), active: integer(), queued: integer(), saving: integer(), other: integer() }),
    'null: the node that was asked has not caught up yet.',
  ),
  stores: orNull(
    listOf(
      object({
        id: text(),
        type: text(),
        isDefault: flag(),
        images: counts,
        only: counts,
      }),
    ),
    'How much is in each store; `only`: in no other.',
  ),
  work: orNull(
    object({
      staged: counts,
      tasks: object({ pending: integer(), processing: integer(), success: integer(), failure: integer() }),
    }),
    'Bytes that nobody has imported yet, and tasks.',
  ),
  redundancy: orNull(
    object({
      full: integer('Images whose every wanted copy is in place.'),
      underReplicated: integer(),
      unavailable: integer('No node that answers holds them in full.'),
      unknown: integer('Only nodes that do not answer could have them.'),
      copiesMin: orNull(integer()),
      misplaced: integer(),
      oneZone: integer(),
      toCopy: counts,
      onlyOn: mapOf(counts, 'By node: what no other node that answers has.'),
      onDrained: mapOf(counts, 'By drained node: what it holds still.'),
    }),
  ),
  oldGlance: orNull(
    object({
      urls: listOf(text()),
      answers: flag('To each node that names one.'),
      requests: integer('For images that are only there.'),
      lastRequestAt: orNull(time, 'null: none.'),
      countedSince: time,
    }),
    'Unknown ids are read from there; lists show only what was moved. null: no node names one.',
  ),
  as_of: time,
})

const cacheFigures = object({
  images: integer(),
  usedBytes: number('What comes in included.'),
  bytesMax: number(),
  queued: integer('Images that are to be brought.'),
  hits: integer('Downloads since the start that came from it.'),
  misses: integer('Those that could have, had it been there.'),
  evicted: integer(),
  damaged: integer(),
})

const loopState = object({
  name: text(),
  state: oneOf(['busy', 'throttled', 'idle', 'paused', 'failed', 'stopped']),
  runs: integer(),
  lastRunAt: orNull(time),
  lastError: orNull(text()),
  queue: orNull(object({ depth: integer(), oldestAgeMs: number() })),
  rate: orNull(object({ unit: text(), perSecond: number(), fixed: orNull(number(), 'Set by an operator.') })),
  progress: orNull(mapOf({})),
})

export const statusSchemas: Readonly<Record<string, Schema>> = {
  ClusterStatus: clusterStatus,
  Check: check,
  NodeStatus: nodeStatus,
  CacheFigures: cacheFigures,
  LoopState: loopState,
  RescanProgress: object({
    registers: integer(),
    copied: integer(),
    copiedBytes: integer(),
    settled: integer(),
  }),
  OldGlanceState: object({
    url: text('Without credentials.'),
    counts: object({ shown: integer(), opened: integer(), absent: integer(), failed: integer() }),
    lastShownAt: orNull(time),
    lastAnswerAt: orNull(time),
    failure: orNull(text(), 'Why it did not answer when it was last asked.'),
  }),
  StoreCondition: object({
    failure: orNull(text(), 'Why it takes no writes.'),
    isFull: flag(),
    freeBytesMin: integer(),
    registersLost: flag(),
    indexRebuilt: orNull(integer()),
    lostChunks: integer(),
    lostSegments: integer(),
    rescuedChunks: integer(),
  }),
  AuditProgress: object({
    pass: integer(),
    position: number('0 to 1.'),
    found: integer(),
    healed: integer(),
    quarantined: integer(),
    lastPassEndedAt: orNull(time),
  }),
  RecordAuditProgress: object({
    passes: integer(),
    compared: integer(),
    healed: integer(),
    away: listOf(nodeId),
    lastPassEndedAt: orNull(time),
  }),
}
