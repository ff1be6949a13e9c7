import t from 'tap'
import { encodeReport, type NodeReport } from '../../../node/status/node-report.ts'
import { decodeReport } from '../../../node/status/node-report.ts'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { DrainPace } from '../../../node/status/drain-pace.ts'
import { Departures } from '../../../node/status/departures.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, data } from '../images/image-fixture.ts'

const SIZE = 100
const ROOTS = ['1a', '2b', '3c'].map((digits) => digits.repeat(32))
const IMAGES = ROOTS.map((root, index) =>
  activeImage({ id: `image-${index}`, size: SIZE, data: { ...data, root, copies: 3 } }),
)

function reportOf(heldRoots: string[], fields: Partial<NodeReport> = {}): NodeReport {
  const own = {
    version: '0.1.0',
    featureLevel: 2,
    diskVersion: 1,
    api: null,
    uptimeSeconds: 1,
    caughtUp: true,
    hasQuorum: true,
    abstains: null,
    hashing: 'wasm',
    storedBytes: 0,
    freeBytes: 1e9,
    totalBytes: 2e9,
    heldRoots,
  }
  return { ...decodeReport(encodeReport(own as unknown as NodeReport)), ...fields }
}

interface World {
  ids?: string[]
  held: Record<string, NodeReport>
  images?: ImageRecord[] | null
  levels?: Record<string, number>
}

function departuresOf({ ids = ['a', 'b', 'c', 'd'], held, images = IMAGES, levels = {} }: World) {
  const config: ClusterConfig = { ...configOf(ids), voters: ['a'], featureLevel: 1 }
  const done: unknown[] = []
  const departures = new Departures(
    {
      self: 'a',
      clock: new ManualClock(),
      config: { current: () => config },
      membership: {
        setDrained: async (...args) => void done.push(['drained', ...args]),
        removeNode: async (...args) => void done.push(['removed', ...args]),
      },
      report: { reports: async () => ({ reports: new Map(Object.entries(held)), ageMs: 0 }) },
      images: () => images,
      levelOf: (id) => levels[id] ?? 2,
    },
    { copies: 3, durable: 2 },
  )
  return { departures, config, done }
}

const all = reportOf(ROOTS)
const nothing = reportOf([])

t.test('a drain from four to three says what the others must copy, and is done', async (t) => {
  const { departures, done } = departuresOf({ held: { a: all, b: all, c: nothing, d: all } })
  const plan = await departures.plan('drain', 'd')
  t.match(plan, {
    kind: 'drain',
    held: { images: 3, bytes: 3 * SIZE },
    toMove: { images: 3, bytes: 3 * SIZE },
    onlyHere: { images: 0, bytes: 0 },
    objections: [],
    warnings: [],
  })
  t.strictSame(done, [], 'to plan changes nothing')
  await departures.drain('d', false)
  t.strictSame(done, [['drained', 'd', true]])
})

t.test('a drain that would leave fewer copies than are wanted is refused, and forced', async (t) => {
  const { departures, done } = departuresOf({ ids: ['a', 'b', 'c'], held: { a: all, b: all, c: all } })
  await t.rejects(departures.drain('c', false), {
    code: 'MEMBERSHIP_REFUSED',
    message: /2 nodes are left to hold images and 3 images want more copies/,
  })
  t.strictSame(done, [])
  await departures.drain('c', true)
  t.strictSame(done, [['drained', 'c', true]])
  const empty = departuresOf({ ids: ['a', 'b', 'c'], held: { a: all, b: all, c: all }, images: [] })
  await t.rejects(empty.departures.drain('c', false), { message: /3 copies of an image are wanted/ })
})

t.test('a drain onto disks without room is refused', async (t) => {
  const full = reportOf([], { freeBytes: 2 * SIZE })
  const { departures } = departuresOf({ held: { a: all, b: all, c: full, d: all } })
  await t.rejects(departures.drain('d', false), { message: /node c has room for 0 MiB and would get 0 MiB/ })
})

t.test('a removal that would lose an image is refused, whether the node answers or not', async (t) => {
  for (const held of [
    { a: nothing, b: nothing, c: nothing, d: all },
    { a: nothing, b: nothing, c: nothing },
  ]) {
    const { departures, done } = departuresOf({ held })
    await t.rejects(departures.remove('d', false), {
      code: 'MEMBERSHIP_REFUSED',
      message: /of 3 images no other node that answers has a full copy/,
    })
    await departures.remove('d', true)
    t.strictSame(done, [['removed', 'd']])
  }
})

t.test('a dead node whose images others have can go, and it is said that copies are lacking', async (t) => {
  const { departures, done, config } = departuresOf({ held: { a: all, b: all, c: nothing } })
  const plan = await departures.plan('remove', 'd')
  t.match(plan, { held: null, objections: [], onlyHere: { images: 0 } })
  t.match(plan.warnings, [/d does not answer/, /3 images have a copy too few/])
  await departures.remove('d', false)
  t.strictSame(done, [['removed', 'd', config.epoch]], 'under the epoch that was looked at')
})

t.test('a node that has not caught up vouches for nothing', async (t) => {
  const late = reportOf(ROOTS, { caughtUp: false })
  const { departures } = departuresOf({ held: { a: nothing, b: late, c: late, d: all } })
  await t.rejects(departures.remove('d', false), { message: /they would be lost/ })
})

t.test('what is asked of the wrong node or of nobody is said', async (t) => {
  const { departures } = departuresOf({ held: { a: all } })
  await t.rejects(departures.plan('drain', 'x'), { code: 'NOT_FOUND' })
  await t.rejects(departures.undrain('x'), { code: 'NOT_FOUND' })
  await t.rejects(departures.remove('a', true), { code: 'CONFLICT', message: /ask another node/ })
  const late = departuresOf({ held: { a: all }, images: null })
  await t.rejects(late.departures.plan('drain', 'b'), { code: 'UNAVAILABLE' })
})

t.test('no drain while a member runs a release that places images on drained nodes', async (t) => {
  const held = { a: all, b: all, c: all, d: all }
  const { departures, config, done } = departuresOf({ held, levels: { b: 1 } })
  await t.rejects(departures.drain('d', true), {
    message: /a release that knows nothing of drained nodes.*: b/,
  })
  config.featureLevel = 2
  await departures.drain('d', false)
  t.strictSame(done, [['drained', 'd', true]], 'older ones are kept out by then')
})

t.test('how long a drain takes still follows from how far it has come', async (t) => {
  const clock = new ManualClock()
  const pace = new DrainPace(clock)
  const look = (bytes: number) => pace.look({ d: { images: 1, bytes } })
  look(1000)
  t.match(pace.of('d', true), { left: { bytes: 1000 }, etaSeconds: null })
  await clock.advance(10_000)
  look(750)
  t.match(pace.of('d', true), { etaSeconds: 30 })
  t.strictSame(pace.of('d', false), { left: null, etaSeconds: null }, 'a node that says nothing')
  look(0)
  t.match(pace.of('d', true), { left: { bytes: 0 }, etaSeconds: 0 })
  pace.look({})
  t.strictSame(pace.of('d', true), { left: null, etaSeconds: null })
})
