/** A cluster that the operator page can be shown in states that would take long to bring about; what operators set stays set. */
import { silentLog } from '../../cluster/runtime.ts'
import type { OperatorComponents } from '../../api/status/status-routes.ts'
import type { LoopState } from '../../node/loops/loop.ts'
import { EventLog, mergeEvents } from '../../node/status/event-log.ts'
import { findFaults, summaryOf, verdictOf } from '../../node/status/health-checks.ts'
import type { DeparturePlan } from '../../node/status/departure-plan.ts'
import type { ImageMapDocument, MapCell, MapRow } from '../../node/status/image-map.ts'
import { Mutes } from '../../node/status/mutes.ts'
import type { ClusterStatus, NodeStatus } from '../../node/status/status-types.ts'
import { seenStores, storesIn, type FixtureStores } from './fixture-stores.ts'

export const STATES = ['healthy', 'dead', 'partition', 'corrupt', 'full'] as const
export type FixtureState = (typeof STATES)[number]

const GIB = 1024 ** 3
const DAY_MS = 86_400_000
const IDS = ['Qm7rXa', 'Zt4kPw', 'Hb9sLe'].map((tail) => `12D3KooW${'B'.repeat(38)}${tail}`)
const ADDRESSES = ['10.20.0.11:9293', '10.20.0.12:9293', '10.20.0.13:9293']
const NAMES = [
  ['ubuntu-24.04-server', 2.6],
  ['debian-12-generic', 1.4],
  ['windows-server-2025', 18.2],
  ['rocky-9.5-genericcloud', 1.8],
  ['fedora-coreos-41', 1.7],
  ['cirros-0.6.3', 0.02],
  ['octavia-amphora-2026.1', 0.9],
  ['magnum-k8s-1.33', 3.1],
  ['gpu-ubuntu-24.04-cuda', 11.4],
  ['bastion-hardened', 1.2],
  ['win11-vdi-golden', 24.7],
  ['postgres-17-appliance', 2.2],
  ['backup-proxy', 1.1],
  ['alpine-3.22', 0.2],
] as const
const LOOPS = [
  'updater',
  'healer',
  'reaper',
  'scrubber',
  'tombstone-reaper',
  'vote-auditor',
  'record-auditor',
  'auditor',
  'chunk-reaper',
  'segment-reaper',
]
const STORE = {
  failure: null,
  isFull: false,
  freeBytesMin: 1 * GIB,
  registersLost: false,
  indexRebuilt: null,
  lostChunks: 0,
  lostSegments: 0,
  rescuedChunks: 0,
}

export class FixtureCluster {
  state: FixtureState = 'healthy'
  stores: FixtureStores = 'several'
  oldGlance: ClusterStatus['oldGlance'] = null
  /** The node says nothing any more. */
  isSilent = false
  readonly #clock = { wallMs: () => Date.now() }
  readonly #mutes = new Mutes(this.#clock)
  readonly #events = new EventLog(this.#clock, silentLog)
  readonly #drained = new Set<string>()
  readonly #beganMs = Date.now()
  /** By node and loop. */
  readonly #set = new Map<string, { paused: boolean; rate: number | null }>()

  constructor() {
    this.#events.note({
      kind: 'NODE_STARTED',
      severity: 'info',
      who: IDS[0]!,
      text: 'The node has started, release 0.1.0.',
    })
    this.#events.note({
      kind: 'NODE_DEAD',
      severity: 'warning',
      who: IDS[2]!,
      text: 'The node does not answer any more.',
    })
    this.#events.note({ kind: 'NODE_ALIVE', severity: 'good', who: IDS[2]!, text: 'The node answers.' })
    this.#events.note({
      kind: 'CONFIG_CHANGED',
      severity: 'info',
      who: null,
      text: 'Epoch 7 is in force, with 3 voters.',
    })
  }

  get components(): Pick<OperatorComponents, 'clusterStatus' | 'map' | 'history' | 'loops' | 'departures'> {
    return {
      clusterStatus: async () => this.#status(),
      map: { page: async ({ show, search }) => this.#map(show, search) },
      history: {
        events: async (limit) => ({
          events: mergeEvents(new Map([[IDS[0]!, this.#events.latest(limit)]]), limit),
          silent: this.#silent(),
          as_of: new Date().toISOString(),
        }),
        capacity: async () => this.#capacity(),
        mute: async ({ code, who, seconds, reason }) => this.#mutes.set({ code, who }, seconds, reason),
      },
      departures: {
        plan: async (kind, node) => this.#plan(kind, node),
        drain: async (node) => {
          this.#drained.add(node)
          return this.#plan('drain', node)
        },
        undrain: async (node) => void this.#drained.delete(node),
        remove: () => Promise.reject(new Error('the page removes no nodes')),
      },
      loops: {
        describe: () => ({ node: IDS[0]!, loops: this.#loops(0) }),
        change: () => {
          throw new Error('the page sets loops by node')
        },
        changeAt: async (node, name, changes) => {
          const before = this.#set.get(`${node} ${name}`) ?? { paused: false, rate: null }
          this.#set.set(`${node} ${name}`, { ...before, ...changes })
          const verb = changes.paused === undefined ? 'set' : changes.paused ? 'paused' : 'resumed'
          this.#events.note({
            kind: 'LOOP_SET',
            severity: 'info',
            who: node,
            text: `An operator has ${verb} the ${name}.`,
          })
          return this.#loops(IDS.indexOf(node)).find((loop) => loop.name === name)!
        },
      },
    }
  }

  /** The node with a full disk could not take what another one gives away. */
  #plan(kind: DeparturePlan['kind'], node: string): DeparturePlan {
    const held = { images: NAMES.length, bytes: 71 * GIB }
    const noRoom = `node ${IDS[1]} has room for 0 MiB and would get ${71 * 1024} MiB`
    const objections = this.state === 'full' ? [noRoom] : []
    return {
      kind,
      node,
      epoch: 7,
      held,
      toMove: held,
      onlyHere: { images: 0, bytes: 0 },
      objections,
      warnings: [],
    }
  }

  #silent(): string[] {
    return this.state === 'dead' ? [IDS[2]!] : this.state === 'partition' ? [IDS[1]!, IDS[2]!] : []
  }

  #status(): ClusterStatus {
    const nodes = IDS.map((_, index) => this.#node(index))
    const up = nodes.filter(({ state }) => state === 'alive').length
    const quorum = { votersUp: up, votersTotal: 3, needed: 2, canWrite: up >= 2 }
    const partial = {
      clusterId: '5e2ac0f1-77b1-4c35-9a3b-2f60a1c9d411',
      epoch: 7,
      featureLevel: 2,
      nodes,
      voterChange: null,
      quorum,
      images: { total: NAMES.length + 1, active: NAMES.length, queued: 1, saving: 0, other: 0 },
      ...storesIn(this.stores),
      redundancy: this.#redundancy(),
      out: { out: [], braked: [] },
      oldGlance: this.oldGlance,
      as_of: new Date().toISOString(),
    }
    const since = new Date(this.#beganMs - 7 * 60_000).toISOString()
    const findings = findFaults({ ...partial, refusals: [], abstentions: [], blockedTombstones: [] })
    const checks = findings.map((finding) => {
      const mute = finding.severity === 'critical' ? null : this.#mutes.of(finding)
      return { ...finding, since, muted: mute && { reason: mute.reason, until: mute.until } }
    })
    const counted = checks.filter(({ muted }) => !muted)
    return { verdict: verdictOf(partial, counted), summary: summaryOf(partial), checks, ...partial }
  }

  #redundancy(): ClusterStatus['redundancy'] {
    const nothing = { unavailable: 0, unknown: 0, misplaced: 0, oneZone: 0, onlyOn: {}, onDrained: {} }
    const full = NAMES.length
    const none = { images: 0, bytes: 0 }
    if (this.state === 'dead')
      return { ...nothing, full: 0, underReplicated: full, copiesMin: 2, toCopy: none }
    if (this.state === 'partition') {
      const onlyOn = { [IDS[0]!]: { images: full, bytes: 71 * GIB } }
      return { ...nothing, full: 0, underReplicated: full, copiesMin: 1, toCopy: none, onlyOn }
    }
    const toCopy = { images: 2, bytes: 20.8 * GIB }
    if (this.state === 'corrupt')
      return { ...nothing, full: full - 2, underReplicated: 2, copiesMin: 2, toCopy }
    if (this.state === 'full')
      return {
        ...nothing,
        full: full - 1,
        underReplicated: 1,
        copiesMin: 2,
        toCopy: { images: 1, bytes: 24.7 * GIB },
      }
    return { ...nothing, full, underReplicated: 0, copiesMin: 3, toCopy: none }
  }

  #node(index: number): NodeStatus {
    const base = {
      id: IDS[index]!,
      address: ADDRESSES[index]!,
      role: 'voter' as const,
      zone: `rack-${index + 1}`,
    }
    if (this.#silent().includes(base.id)) {
      const state = this.state === 'dead' ? ('dead' as const) : ('unknown' as const)
      return { ...base, ...SILENT, state }
    }
    const isFull = this.state === 'full' && index === 1
    const isRotten = this.state === 'corrupt' && index === 1
    return {
      ...base,
      state: 'alive',
      version: '0.1.0',
      featureLevel: 2,
      diskVersion: 1,
      api: `http://10.20.0.${11 + index}:9292`,
      uptimeSeconds: 86_400 * (11 - index) + 4000,
      imagesHeld: NAMES.length - (isRotten ? 2 : isFull ? 1 : 0),
      caughtUp: true,
      hashing: 'native',
      readmission: null,
      storedBytes: (isFull ? 46 : 71) * GIB,
      freeBytes: isFull ? 0.9 * GIB : (381 - 20 * index) * GIB,
      totalBytes: (isFull ? 80 : 480) * GIB,
      forecast: {
        growthBytesPerDay: Math.round((1.4 + index / 5) * GIB),
        daysUntilFull: isFull ? 0 : 240 - 30 * index,
      },
      store: { ...STORE, isFull },
      integrity: {
        pass: 31 - index,
        position: 0.38 + 0.21 * index,
        found: isRotten ? 5 : 0,
        healed: isRotten ? 2 : 0,
        quarantined: isRotten ? 3 : 0,
        lastPassEndedAt: new Date(this.#beganMs - (3 - index) * DAY_MS).toISOString(),
      },
      records: { passes: 3, compared: 15, healed: 0, away: [], lastPassEndedAt: null },
      ...seenStores(this.stores, index),
      loops: this.#loops(index),
      eventLoopDelay: { p99Ms: 4 + index, maxMs: 31 },
      oldGlance: null,
      drain: this.#drained.has(base.id) ? { left: { images: 9, bytes: 40 * GIB }, etaSeconds: 754 } : null,
      ageSeconds: 0,
    }
  }

  #loops(index: number): LoopState[] {
    const hasWork = index === 1 && (this.state === 'corrupt' || this.state === 'full')
    return LOOPS.map((name) => {
      const set = this.#set.get(`${IDS[index]} ${name}`)
      const hasRate = name === 'updater' || name === 'auditor'
      const isBusy = hasWork && (name === 'updater' || name === 'healer')
      const perSecond = set?.rate ?? (name === 'auditor' ? 131_000 : 200 * 1024 ** 2)
      return {
        name,
        state: set?.paused ? 'paused' : isBusy ? 'throttled' : 'idle',
        runs: 812,
        lastRunAt: new Date().toISOString(),
        lastError: null,
        queue:
          hasRate || name === 'healer' ? { depth: isBusy ? 2 : 0, oldestAgeMs: isBusy ? 41_000 : 0 } : null,
        rate: hasRate ? { unit: 'bytes', perSecond, fixed: set?.rate ?? null } : null,
        progress: null,
      }
    })
  }

  #map(show: 'all' | 'attention', search: string): ImageMapDocument {
    const rows = NAMES.map(([name, gib], image): MapRow => {
      const id = `${(0x9c3e1f20 + image * 7919).toString(16)}-5b1d-4e0a-8f2c-6d7e8f90a1${image.toString(16).padStart(2, '0')}`
      const cells = IDS.map((_, node) => this.#cell(image, node))
      const createdAt = new Date(this.#beganMs - image * DAY_MS).toISOString()
      return { id, name, status: 'active', sizeBytes: Math.round(gib * GIB), createdAt, copies: null, cells }
    })
    const images = rows.filter(
      ({ name, id, cells }) =>
        (name?.includes(search) || id.includes(search)) &&
        (show === 'all' || cells.some(({ state }) => state !== 'full')),
    )
    return { nodes: IDS, images, next: null, ageSeconds: 1.2, as_of: new Date().toISOString() }
  }

  #cell(image: number, node: number): MapCell {
    const cell: MapCell = { node: IDS[node]!, placed: true, state: 'full', chunks: null }
    if (this.#silent().includes(cell.node)) return { ...cell, state: 'unknown' }
    if (node !== 1) return cell
    if (this.state === 'corrupt' && image === 0)
      return { ...cell, state: 'corrupt', chunks: { present: 664, damaged: 3, total: 667 } }
    if (this.state === 'corrupt' && image === 2)
      return { ...cell, state: 'partial', chunks: { present: 4211, damaged: 0, total: 4661 } }
    if (this.state === 'full' && image === 10) return { ...cell, state: 'missing' }
    return cell
  }

  #capacity() {
    const nodes = IDS.map((id, index) => {
      if (this.#silent().includes(id)) return { id, samples: null }
      const samples = Array.from({ length: 120 }, (_, step) => ({
        atMs: this.#beganMs - (120 - step) * (DAY_MS / 10),
        storedBytes: 71 * GIB,
        freeBytes: (398 - 20 * index - step * 0.14 * (1 + index / 4)) * GIB,
      }))
      return { id, samples }
    })
    return { nodes, as_of: new Date().toISOString() }
  }
}

/** Of a node that does not answer. */
const SILENT = {
  version: null,
  featureLevel: null,
  diskVersion: null,
  api: null,
  uptimeSeconds: null,
  imagesHeld: null,
  caughtUp: null,
  hashing: null,
  readmission: null,
  storedBytes: null,
  freeBytes: null,
  totalBytes: null,
  forecast: null,
  store: null,
  integrity: null,
  records: null,
  backends: null,
  loops: null,
  eventLoopDelay: null,
  oldGlance: null,
  cache: null,
  drain: null,
  ageSeconds: null,
} as const
