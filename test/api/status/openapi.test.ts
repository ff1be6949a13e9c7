/** The OpenAPI document tells of the routes that there are, and of answers as they are. */
import t, { type Test } from 'tap'
import type { ClusterAdminPort } from '../../../api/status/cluster-routes.ts'
import type { DeparturesPort } from '../../../api/status/departure-routes.ts'
import type { ImageAdminPort } from '../../../api/status/image-routes.ts'
import type { HistoryPort, ImageMapPort } from '../../../api/status/history-routes.ts'
import type { LoopAdminPort } from '../../../api/status/loop-routes.ts'
import type { MetadefAdminPort } from '../../../api/status/metadef-routes.ts'
import type { MovingParts } from '../../../api/status/moving-routes.ts'
import type { StoreAdminPort } from '../../../api/status/store-routes.ts'
import type { WorkAdminPort } from '../../../api/status/work-routes.ts'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import { StreamLimit } from '../../../api/stream-limit.ts'
import { systemClock } from '../../../cluster/runtime.ts'
import type { CacheAdminPort } from '../../../api/status/cache-routes.ts'
import type { LoopState } from '../../../node/loops/loop.ts'
import { CHECK_CODES } from '../../../node/status/check-codes.ts'
import type { DeparturePlan } from '../../../node/status/departure-plan.ts'
import { OpenApiCheck } from '../../helpers/openapi-check.ts'
import { operatorComponents } from '../../helpers/operator-components.ts'
import { activeImage, ID, NOW } from '../../node/images/image-fixture.ts'
import { movedFrom } from '../../../node/images/moved-image.ts'
import { CONDITIONS } from '../../node/status/conditions.ts'
import { clusterOf } from '../../node/status/report-fixture.ts'

const openApi = new OpenApiCheck()
const member = { id: 'a', address: 'h:1', role: 'voter' as const, zone: null, weight: 1 }
const plan = { epoch: 1, from: ['a'], to: ['a'], joining: [], leaving: [], registers: 0, warnings: ['w'] }
const loop: LoopState = {
  ...{ name: 'updater', state: 'busy', runs: 1, lastRunAt: NOW, lastError: null },
  ...{ queue: { depth: 1, oldestAgeMs: 2 }, rate: { unit: 'bytes', perSecond: 5, fixed: null } },
  progress: { pass: 1 },
}
const moved = movedFrom(activeImage({ checksum: 'c5'.repeat(16), hashValue: 'd5'.repeat(64) }))!

const admin: Partial<ClusterAdminPort> = {
  nodes: () => ({
    ...{ clusterId: 'c', epoch: 1, joint: ['a'], invites: { open: 1, refusedJoins: 0 } },
    nodes: [{ ...member, votes: true, state: 'alive' }],
  }),
  planVoters: () => ({ state: 'planned', plan }),
  setVoters: async () => ({ state: 'running', plan }),
  abortVoters: async () => {},
  invite: async () => ({ id: 'i', token: 't', expiresAt: NOW }),
  invites: () => [{ id: 'i', state: 'used', expiresAt: NOW, usedBy: 'a' }],
  revokeInvite: async () => {},
  changeNode: async () => member,
}
const sum = { images: 1, bytes: 5 }
const leaving: DeparturePlan = {
  ...{ kind: 'drain', node: 'a', epoch: 1, held: null, toMove: sum, onlyHere: sum },
  ...{ objections: ['o'], warnings: [] },
}
const departures: DeparturesPort = {
  plan: async () => leaving,
  drain: async () => ({ ...leaving, held: sum }),
  undrain: async () => {},
  remove: async () => {},
}
const loops: LoopAdminPort = {
  describe: () => ({ node: 'a', loops: [loop] }),
  change: () => loop,
  changeAt: async () => loop,
}
const caches: CacheAdminPort = {
  describe: async () => ({
    nodes: [
      { node: 'a', api: null, cache: null },
      { node: 'b', api: 'http://b', cache: { figures: null, images: [], queued: [] } },
      {
        node: 'c',
        api: 'http://c',
        cache: {
          figures: {
            images: 1,
            usedBytes: 9,
            bytesMax: 10,
            queued: 1,
            hits: 2,
            misses: 3,
            evicted: 4,
            damaged: 0,
          },
          images: [{ imageId: ID, hits: 2, sizeBytes: 5, lastAccessedMs: 1.5, cachedAtMs: 1 }],
          queued: [ID],
        },
      },
    ],
  }),
  change: async () => ({ nodes: [{ node: 'a', changed: 1, error: null }] }),
}
const images: ImageAdminPort = {
  deleted: async () => ({ images: [{ id: ID, name: null, owner: 'p', size: 5, deletedAt: NOW }] }),
  restore: async () => {},
}
const stores: StoreAdminPort = {
  list: async () => ({
    stores: [
      {
        ...{ id: 'big', type: 's3', isDefault: false, isReadOnly: false, weight: 1, description: null },
        ...{ images: sum, only: sum, state: 'partly', failure: 'x', discarded: 1 },
      },
    ],
  }),
  images: async () => ({
    images: [{ id: ID, name: null, status: 'active', sizeBytes: 5, stores: ['big'] }],
    marker: ID,
  }),
  move: async () => ({ state: 'copying', sizeBytes: 5, doneBytes: 3 }),
}
const task = {
  ...{ id: ID, type: 'api_image_import' as const, status: 'failure' as const, owner: 'p', imageId: ID },
  ...{ message: 'm', createdAt: NOW, updatedAt: NOW, expiresAt: null, node: 'a' },
}
const work: WorkAdminPort = {
  tasks: async () => ({ tasks: [task], marker: null }),
  task: async () => ({ ...task, userId: null, requestId: 'r', input: { uri: 'http://x' }, result: null }),
  removeTask: async () => {},
  staged: async () => ({
    images: [
      {
        ...{ id: ID, name: null, owner: null, sizeBytes: 5 },
        stagedAt: NOW,
        problem: null,
        isImported: false,
      },
    ],
  }),
  clearStage: async () => {},
}
const map: ImageMapPort = {
  page: async () => ({
    ...{ nodes: ['a', 'b'], next: ID, ageSeconds: 0.5, as_of: NOW },
    images: [
      {
        ...{ id: ID, name: 'x', status: 'active', sizeBytes: 5, createdAt: NOW, copies: null },
        cells: [
          { node: 'a', state: 'partial', placed: true, chunks: { present: 1, damaged: 0, total: 2 } },
          { node: 'b', state: 'unknown', placed: true, chunks: null },
        ],
      },
    ],
  }),
}
const event = { kind: 'NODE_DEAD', severity: 'warning' as const, who: 'a', text: 'x', at: NOW, count: 1 }
const history: HistoryPort = {
  events: async () => ({ events: [{ ...event, seenBy: ['b'] }], silent: ['c'], as_of: NOW }),
  capacity: async () => ({
    nodes: [
      { id: 'a', samples: [{ atMs: 1, storedBytes: 2, freeBytes: 3 }] },
      { id: 'b', samples: null },
    ],
    as_of: NOW,
  }),
  mute: async ({ code, who, seconds, reason }) =>
    seconds === null ? null : { code, who, reason, until: NOW },
}
const metadefs: MetadefAdminPort = {
  all: async () => [],
  load: async () => 'created',
  unload: async () => true,
}
const mover: Partial<MovingParts['mover']> = {
  arrive: async () => ({ state: 'differs', differences: ['name'] }),
  look: async () => null,
  takeBytes: async () => {},
  list: async () => ({ images: [moved], unfinished: ['u'], marker: null }),
}
const adopter: MovingParts['adopter'] = {
  adopt: async () => ({ state: 'verifying', sizeBytes: 5, doneBytes: 2 }),
  look: async () => null,
}

function operatorOf(t: Test) {
  const app = buildOperatorServer(
    operatorComponents({
      clusterStatus: () => clusterOf().report.gather(),
      admin: admin as ClusterAdminPort,
      departures,
      loops,
      caches,
      images,
      stores,
      work,
      map,
      history,
      metadefs,
      metrics: { page: async () => ({ contentType: 'text/plain', text: '' }) },
      moving: {
        mover: mover as MovingParts['mover'],
        adopter,
        streams: new StreamLimit(),
        clock: systemClock,
      },
    }),
    { disableFile: '/nonexistent/disable', clientPauseMs: 1000 },
  )
  t.teardown(() => app.close())
  return app
}

/** As find-my-way draws its tree: four columns a level, each line what is appended to its parent, and methods. */
function routesIn(tree: string): string[] {
  const paths: string[] = []
  const routes: string[] = []
  for (const line of tree.split('\n')) {
    const found = /^(.*?)[└├]── (\S+)(?: \((.*)\))?$/.exec(line)
    if (!found) continue
    const [, indent = '', part = '', methods = ''] = found
    const level = indent.length / 4
    paths[level] = (paths[level - 1] ?? '') + part
    const path = paths[level].replaceAll(/:(\w+)/g, '{$1}')
    for (const method of methods.split(', ')) if (method !== '') routes.push(`${method} ${path}`)
  }
  return routes
}

/** The page, and what load balancers may ask by any method. */
function isDocumented(route: string): boolean {
  return route !== 'GET /' && (!route.endsWith(' /healthcheck') || route.startsWith('GET '))
}

t.test('each route is documented, and each documented route exists', async (t) => {
  const app = operatorOf(t)
  await app.ready()
  const routes = routesIn(app.printRoutes({ commonPrefix: false })).filter(isDocumented)
  t.ok(routes.length > 20)
  t.strictSame(routes.toSorted(), openApi.operations().toSorted())
})

t.test('it is served as it is checked here, and every operation has a name of its own', async (t) => {
  const answer = await operatorOf(t).inject('/v1/openapi.json')
  t.strictSame(answer.json(), JSON.parse(JSON.stringify(openApi.document)))
  t.match(answer.json(), { openapi: '3.1.0', info: { title: /Serac/ } })
  const ids = [...answer.body.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id)
  t.equal(new Set(ids).size, openApi.operations().length)
})

const bodies: Readonly<Record<string, object>> = {
  'PUT /v1/cluster/nodes/{id}': { weight: 2 },
  'POST /v1/cluster/voters': { voters: ['a'] },
  'POST /v1/cluster/loops/{name}': { paused: true },
  'POST /v1/cluster/nodes/{id}/loops/{name}': { rate: null },
  'POST /v1/cluster/cache': { action: 'queue', image: ID },
  'POST /v1/cluster/mutes': { code: 'NODE_DOWN', who: 'c', seconds: 60, reason: 'x' },
  'POST /v1/cluster/metadefs': { namespace: 'OS::X' },
  'POST /v1/cluster/stores/{id}/images/{image}/move': { to: 'big', keepSource: true, bytesPerSecondMax: 5 },
  'PUT /v1/import/images/{id}': moved,
  'POST /v1/import/images/{id}/compare': moved,
}
const noJson = ['GET /healthcheck', 'GET /metrics', 'GET /v1/export/images/{id}/file']

t.test('every operation answers as the document says', async (t) => {
  const app = operatorOf(t)
  for (const operation of openApi.operations().filter((each) => !noJson.includes(each))) {
    const [method = '', path = ''] = operation.split(' ')
    const isUpload = path.endsWith('/file')
    const answer = await app.inject({
      method: method as 'GET',
      url: path.replaceAll(/\{\w+\}/g, ID),
      ...(bodies[operation] && { body: bodies[operation] }),
      ...(isUpload && { headers: { 'content-type': 'application/octet-stream' }, body: 'x' }),
    })
    t.ok(answer.statusCode < 300, `${operation} ${answer.statusCode} ${answer.body}`)
    const body: unknown = answer.body === '' ? null : answer.json()
    t.strictSame(openApi.complaints(method, path, answer.statusCode, body), [], operation)
  }
})

t.test('so do refusals', async (t) => {
  const app = operatorOf(t)
  const answer = await app.inject({ method: 'POST', url: '/v1/cluster/voters', body: {} })
  t.equal(answer.statusCode, 400)
  t.strictSame(openApi.complaints('POST', '/v1/cluster/voters', 400, answer.json()), [])
  t.ok(openApi.complaints('GET', '/v1/cluster/nodes', 200, { nodes: [] }).length > 0, 'the check can fail')
  t.ok(openApi.complaints('POST', '/v1/cluster/voters', 400, { error: 'x' }).length > 0)
})

t.test('the status is as documented whatever is wrong', async (t) => {
  for (const code of CHECK_CODES) {
    const world = clusterOf()
    await CONDITIONS[code].inject(world)
    const status: unknown = JSON.parse(JSON.stringify(await world.report.gather()))
    t.strictSame(openApi.complaints('GET', '/v1/cluster/status', 200, status), [], code)
  }
  const unknown: unknown = JSON.parse(JSON.stringify(await clusterOf(null).report.gather()))
  t.strictSame(openApi.complaints('GET', '/v1/cluster/status', 200, unknown), [])
})
