/**
 * One condition for each code that the status can have: how to bring it about in a cluster that is well, what the check is
 * to say then, and how it is cured. What can be brought about by the parts that notice it in production is.
 */
import { silentLog } from '../../../cluster/runtime.ts'
import { Refusals } from '../../../cluster/membership/refusals.ts'
import type { OldGlanceState } from '../../../node/images/old-glance-watch.ts'
import { Loop } from '../../../node/loops/loop.ts'
import { OutNodes } from '../../../node/loops/out-nodes.ts'
import type { CheckCode } from '../../../node/status/check-codes.ts'
import { encodeReport, type NodeReport } from '../../../node/status/node-report.ts'
import type { Check, Verdict } from '../../../node/status/status-types.ts'
import type { StoreCondition } from '../../../node/store/store.ts'
import { activeImage } from '../images/image-fixture.ts'
import { clusterOf, own } from './report-fixture.ts'

export type World = ReturnType<typeof clusterOf>

export interface Condition {
  severity: Check['severity']
  who: string | null
  verdict: Verdict
  remedy: RegExp
  /** Brings it about; what it answers cures it. */
  inject: (world: World) => (() => void) | Promise<() => void>
  /** What else holds then, of necessity. */
  with?: readonly CheckCode[]
}

const condition: StoreCondition = {
  failure: null,
  isFull: false,
  freeBytesMin: 1,
  registersLost: false,
  indexRebuilt: null,
  lostChunks: 0,
  lostSegments: 0,
  rescuedChunks: 0,
}
const integrity = { pass: 1, position: 1, found: 0, healed: 0, quarantined: 0, lastPassEndedAt: null }
const progress = { registers: 7, copied: 3, copiedBytes: 1, settled: 0 }
const records = { passes: 1, compared: 9, healed: 0, away: [], lastPassEndedAt: null }

const oldGlance: OldGlanceState = {
  url: 'http://old:9292',
  counts: { shown: 2, opened: 1, absent: 5, failed: 0 },
  lastShownAt: '2026-01-02T03:04:05.000Z',
  lastAnswerAt: null,
  failure: null,
}

/** What each node says of the Glance that it reads unknown ids from. */
function fallsThrough(said: Record<'a' | 'b' | 'c', OldGlanceState | null>): Condition['inject'] {
  return ({ answers, state }) => {
    const before = new Map(answers)
    state.own = { ...own, oldGlance: said.a }
    for (const id of ['b', 'c'] as const) answers.set(id, encodeReport({ ...own, oldGlance: said[id] }))
    return () => {
      state.own = own
      before.forEach((report, id) => answers.set(id, report))
    }
  }
}

/** Node `id` says so of itself. */
function reports(id: 'b' | 'c', fields: Partial<NodeReport>): Condition['inject'] {
  return ({ answers }) => {
    const before = answers.get(id)
    answers.set(id, encodeReport({ ...own, ...fields }))
    return () => void answers.set(id, before)
  }
}

function ofStore(fields: Partial<StoreCondition>): Condition['inject'] {
  return reports('c', { store: { ...condition, ...fields } })
}

function silence(...ids: string[]): Condition['inject'] {
  return ({ network }) => {
    ids.forEach((id) => network.down.add(id))
    return () => network.down.clear()
  }
}

/** The config is `fields` for a while. */
function configured(fields: Partial<World['config']>): Condition['inject'] {
  return ({ config }) => {
    const before = { ...config }
    Object.assign(config, fields)
    return () => void Object.assign(config, before)
  }
}

/** An operator has drained node c. */
function drained(): Condition['inject'] {
  return (world) => {
    const nodes = world.config.nodes.map((node) =>
      node.id === 'c' ? { ...node, drained: true as const } : node,
    )
    return configured({ nodes })(world)
  }
}

/** Four nodes and more, of which some have been silent for as long as others must stand in. */
function vanished(...ids: string[]): Condition['inject'] {
  return (world) => {
    const { config, state, network } = world
    const before = [...config.nodes]
    for (const id of ['d', 'e'])
      config.nodes.push({ id, address: '', role: 'storage', zone: null, weight: 1 })
    for (const id of ['d', 'e']) network.join(id).handle('status', () => Promise.resolve(encodeReport(own)))
    const silentMs = (id: string) => (ids.includes(id) ? 60_000 : 0)
    const nodes = new OutNodes(
      { self: 'a', config: { current: () => config }, silentMs },
      { outAfterMs: 60_000 },
    )
    nodes.look()
    state.out = nodes.view
    ids.forEach((id) => network.down.add(id))
    return () => {
      config.nodes.splice(0, config.nodes.length, ...before)
      state.out = { out: [], braked: [] }
      network.down.clear()
    }
  }
}

export const CONDITIONS: Readonly<Record<CheckCode, Condition>> = {
  NO_QUORUM: {
    severity: 'critical',
    who: null,
    verdict: 'READ-ONLY',
    remedy: /^Bring the missing voters back/,
    inject: silence('b', 'c'),
    with: ['NODE_DOWN', 'NODE_DOWN', 'UNDER_REPLICATED'],
  },
  NODE_DOWN: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /^Start it again/,
    inject: silence('c'),
    with: ['UNDER_REPLICATED'],
  },
  CATCHING_UP: {
    severity: 'info',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /^Nothing: it catches up/,
    inject: reports('c', { caughtUp: false }),
    with: ['UNDER_REPLICATED'],
  },
  NO_REDUNDANCY: {
    severity: 'info',
    who: null,
    verdict: 'HEALTHY',
    remedy: /^Add nodes/,
    inject: (world) =>
      configured({ voters: ['a'], nodes: world.config.nodes.filter(({ id }) => id === 'a') })(world),
  },
  UNAVAILABLE: {
    severity: 'critical',
    who: null,
    verdict: 'CRITICAL',
    remedy: /^Bring back the nodes that held them/,
    inject: ({ state }) => {
      const before = state.images
      state.images = [activeImage({ id: 'lost', data: { ...activeImage().data!, root: 'ee'.repeat(32) } })]
      return () => void (state.images = before)
    },
  },
  COPIES_UNKNOWN: {
    severity: 'warning',
    who: null,
    verdict: 'DEGRADED',
    remedy: /^Bring back the nodes that do not answer/,
    inject: ({ state, network }) => {
      const before = state.images
      state.images = [activeImage({ id: 'x', data: { ...activeImage().data!, root: 'ee'.repeat(32) } })]
      network.down.add('c')
      return () => {
        state.images = before
        network.down.clear()
      }
    },
    with: ['NODE_DOWN'],
  },
  UNDER_REPLICATED: {
    severity: 'warning',
    who: null,
    verdict: 'DEGRADED',
    remedy: /the updater copies them/,
    inject: reports('c', { heldRoots: [] }),
  },
  NODE_OUT: {
    severity: 'info',
    who: 'd',
    verdict: 'DEGRADED',
    remedy: /"serac replace" or "serac remove"/,
    inject: vanished('d'),
    with: ['NODE_DOWN'],
  },
  REPAIR_BRAKED: {
    severity: 'warning',
    who: null,
    verdict: 'DEGRADED',
    remedy: /^See whether the network is cut/,
    inject: vanished('d', 'e'),
    with: ['NODE_DOWN', 'NODE_DOWN', 'UNDER_REPLICATED'],
  },
  ZONE_SPREAD: {
    severity: 'warning',
    who: null,
    verdict: 'DEGRADED',
    remedy: /updater copies them there/,
    inject: async (world) => {
      const zones = { a: 'rack-1', b: 'rack-1', c: 'rack-2' } as Record<string, string>
      const nodes = world.config.nodes.map((node) => ({ ...node, zone: zones[node.id] ?? null }))
      const undoZones = await configured({ nodes })(world)
      const undoCopies = await reports('c', { heldRoots: [] })(world)
      return () => {
        undoZones()
        undoCopies()
      }
    },
    with: ['UNDER_REPLICATED'],
  },
  MISPLACED: {
    severity: 'info',
    who: null,
    verdict: 'HEALTHY',
    remedy: /verified its own/,
    // An edge only caches: what is on it belongs elsewhere.
    inject: (world) => {
      const nodes = world.config.nodes.map((node) =>
        node.id === 'c' ? { ...node, role: 'edge' as const } : node,
      )
      return configured({ nodes })(world)
    },
  },
  DRAINING: {
    severity: 'info',
    who: 'c',
    verdict: 'HEALTHY',
    remedy: /goes on by itself/,
    inject: drained(),
  },
  DRAINED: {
    severity: 'info',
    who: 'c',
    verdict: 'HEALTHY',
    remedy: /"serac undrain" ends it/,
    inject: async (world) => {
      const cureReport = await reports('c', { heldRoots: [] })(world)
      const cureDrain = await drained()(world)
      return () => {
        cureDrain()
        cureReport()
      }
    },
  },
  PEER_REFUSED: {
    severity: 'warning',
    who: 'x',
    verdict: 'DEGRADED',
    remedy: /the same release and the same initial members/,
    inject: ({ clock, state }) => {
      const refusals = new Refusals({ clock, log: silentLog })
      refusals.note('x', { code: 'FOREIGN_CLUSTER', message: 'it belongs to another cluster' })
      state.refusals = refusals.list().map(({ peer, code, message }) => ({ peer, code, reason: message }))
      return () => {
        refusals.clear('x')
        state.refusals = []
      }
    },
  },
  VOTERS_CHANGING: {
    severity: 'info',
    who: null,
    verdict: 'HEALTHY',
    remedy: /ends by itself/,
    inject: configured({ joint: ['a', 'b'] }),
  },
  READMISSION: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /^Nothing: it votes again by itself/,
    inject: reports('c', { abstains: 'it has lost votes', readmission: progress }),
  },
  NOT_VOTING: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /empty data directory/,
    inject: reports('c', { abstains: 'its disk refuses writes' }),
  },
  TOMBSTONES_BLOCKED: {
    severity: 'info',
    who: 'b',
    verdict: 'HEALTHY',
    remedy: /choose other voters with "serac replace"/,
    inject: reports('c', { blockedTombstones: { due: 3, away: ['b'] } }),
  },
  STORE_NOT_WRITABLE: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /mounted read-only/,
    inject: ofStore({ failure: 'Input/output error' }),
  },
  STORE_FULL: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /larger disk/,
    inject: ofStore({ isFull: true }),
  },
  REGISTERS_LOST: {
    severity: 'info',
    who: 'c',
    verdict: 'HEALTHY',
    remedy: /^Nothing: it votes again once/,
    inject: ofStore({ registersLost: true }),
  },
  INDEX_REBUILT: {
    severity: 'info',
    who: 'c',
    verdict: 'HEALTHY',
    remedy: /the updater looks at every image again/,
    inject: ofStore({ indexRebuilt: 7 }),
  },
  CHUNKS_LOST: {
    severity: 'info',
    who: 'c',
    verdict: 'HEALTHY',
    remedy: /the updater pulls them again/,
    inject: ofStore({ lostChunks: 3, lostSegments: 1 }),
  },
  CHUNKS_DAMAGED: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /the updater pulls them again/,
    inject: reports('c', { integrity: { ...integrity, found: 2, quarantined: 2 } }),
  },
  RECORDS_DIFFERED: {
    severity: 'info',
    who: 'c',
    verdict: 'HEALTHY',
    remedy: /they are right now/,
    inject: reports('c', { records: { ...records, healed: 2 } }),
  },
  MIXED_RELEASES: {
    severity: 'info',
    who: null,
    verdict: 'HEALTHY',
    remedy: /"serac upgrade-check"/,
    inject: reports('c', { version: '0.2.0' }),
  },
  OLD_GLANCE_USED: {
    severity: 'info',
    who: null,
    verdict: 'HEALTHY',
    remedy: /"serac import-glance"; with --dry-run .* take \[moving\] fall_through_url away/,
    inject: fallsThrough({ a: oldGlance, b: oldGlance, c: oldGlance }),
  },
  OLD_GLANCE_DOWN: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /^See whether it runs and can be reached/,
    inject: fallsThrough({
      a: oldGlance,
      b: oldGlance,
      c: { ...oldGlance, failure: 'it cannot be reached' },
    }),
    with: ['OLD_GLANCE_USED'],
  },
  OLD_GLANCE_UNEVEN: {
    severity: 'warning',
    who: null,
    verdict: 'DEGRADED',
    remedy: /the same \[moving\] fall_through_url, or none/,
    inject: fallsThrough({ a: oldGlance, b: oldGlance, c: null }),
    with: ['OLD_GLANCE_USED'],
  },
  BACKEND_DOWN: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /whether the back end is up/,
    inject: (world) => {
      const well = { store: 'big', failure: null, marker: 'm1' }
      const { own: before } = world.state
      world.state.own = { ...before, backends: [well] }
      const cureB = reports('b', { backends: [well] })(world) as () => void
      const failure = 'The store big does not answer (ECONNREFUSED).'
      const cureC = reports('c', { backends: [{ store: 'big', failure, marker: null }] })(world) as () => void
      return () => {
        world.state.own = before
        cureB()
        cureC()
      }
    },
  },
  BACKEND_NOT_SHARED: {
    severity: 'warning',
    who: 'c',
    verdict: 'DEGRADED',
    remedy: /the same directory/,
    inject: (world) => {
      const found = (marker: string) => ({ backends: [{ store: 'files', failure: null, marker }] })
      const { own: before } = world.state
      world.state.own = { ...before, ...found('m1') }
      const cureB = reports('b', found('m1'))(world) as () => void
      const cureC = reports('c', found('m0'))(world) as () => void
      return () => {
        world.state.own = before
        cureB()
        cureC()
      }
    },
  },
  LOOP_PAUSED: {
    severity: 'warning',
    who: 'a',
    verdict: 'DEGRADED',
    remedy: /serac loops NAME --resume/,
    inject: ({ clock, state }) => {
      const options = { name: 'updater', everyMs: 1000, retryMs: 1000 }
      const loop = new Loop({ clock, log: silentLog }, options, async () => {})
      const show = () => (state.own = { ...state.own, loops: [loop.describe()] })
      loop.start()
      loop.pause()
      show()
      return () => {
        loop.resume()
        show()
        void loop.stop()
      }
    },
  },
}
