import t from 'tap'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import type { ImageAdminPort } from '../../../api/status/image-routes.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { ImageError } from '../../../node/errors.ts'
import type { ClusterStatus } from '../../../node/status/status-types.ts'
import { operatorComponents } from '../../helpers/operator-components.ts'

const status: ClusterStatus = {
  verdict: 'DEGRADED',
  summary: 'one of three nodes is down',
  checks: [],
  clusterId: 'c',
  epoch: 1,
  featureLevel: 2,
  nodes: [],
  voterChange: null,
  out: { out: [], braked: [] },
  quorum: { votersUp: 2, votersTotal: 3, needed: 2, canWrite: true },
  images: null,
  stores: null,
  work: null,
  redundancy: null,
  oldGlance: null,
  as_of: '2026-01-01T00:00:00Z',
}

function operator(
  t: { teardown(close: () => Promise<void>): void },
  clusterStatus: () => Promise<ClusterStatus>,
  images = {} as ImageAdminPort,
) {
  const app = buildOperatorServer(operatorComponents({ clusterStatus, images }), {
    disableFile: '/nonexistent/disable',
    clientPauseMs: 1000,
  })
  t.teardown(() => app.close())
  return app
}

t.test('status and health', async (t) => {
  const app = operator(t, async () => status)
  const answer = await app.inject('/v1/cluster/status')
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), status)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.equal((await app.inject('/healthcheck')).body, 'OK')
})

t.test('errors are JSON', async (t) => {
  const app = operator(t, async () => {
    throw new ClusterError('NO_QUORUM', 'inside')
  })
  const answer = await app.inject('/v1/cluster/status')
  t.match(answer.headers, { 'retry-after': /\d/, 'content-type': /json/ })
  t.match(answer.json(), { error: { status: 503, message: /try again/ } })
  t.match((await app.inject('/nothing')).json(), { error: { status: 404 } })
  t.match((await app.inject('/%zz')).json(), { error: { status: 400 } })
})

t.test('deleted images are shown, and taken back one by one', async (t) => {
  const image = { id: 'a', name: 'x', owner: 'p', size: 5, deletedAt: '2026-01-01T00:00:00Z' }
  const restored: string[] = []
  const app = operator(t, async () => status, {
    deleted: async () => ({ images: [image] }),
    restore: async (id) => {
      if (id === 'gone') throw new ImageError('CONFLICT', 'Image gone is active and does not wait.')
      restored.push(id)
    },
  })
  const shown = await app.inject('/v1/cluster/deleted-images')
  t.strictSame(shown.json(), { images: [image] })
  const restore = (id: string) =>
    app.inject({ method: 'POST', url: `/v1/cluster/deleted-images/${id}/restore` })
  t.equal((await restore('a')).statusCode, 204)
  t.match((await restore('gone')).json(), { error: { status: 409 } })
  t.strictSame(restored, ['a'])
})
