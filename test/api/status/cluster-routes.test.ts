import t from 'tap'
import type { ClusterAdminPort } from '../../../api/status/cluster-routes.ts'
import type { DeparturesPort } from '../../../api/status/departure-routes.ts'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { ImageError } from '../../../node/errors.ts'
import { operatorComponents } from '../../helpers/operator-components.ts'

const plan = { epoch: 1, from: ['a'], to: ['a'], joining: [], leaving: [], registers: 0, warnings: [] }
const member = { id: 'a', address: 'h:1', role: 'voter' as const, zone: null, weight: 1 }

function operator(admin: Partial<ClusterAdminPort>, departures: Partial<DeparturesPort> = {}) {
  const components = operatorComponents({
    admin: admin as ClusterAdminPort,
    departures: departures as DeparturesPort,
  })
  const app = buildOperatorServer(components, { disableFile: '/nonexistent/disable', clientPauseMs: 1000 })
  t.teardown(() => app.close())
  return app
}

t.test('voters: a plan, a change that is over, one that goes on, one that is refused', async (t) => {
  const asked: string[] = []
  const app = operator({
    planVoters: () => ({ state: 'planned', plan }),
    setVoters: async ([first = '']) => {
      asked.push(first)
      if (first === 'none') throw new ClusterError('MEMBERSHIP_REFUSED', 'none is no member')
      return { state: first === 'slow' ? 'running' : 'done', plan }
    },
  })
  const post = (body: object) => app.inject({ method: 'POST', url: '/v1/cluster/voters', body })
  t.match((await post({ voters: ['a'], dryRun: true })).json(), { state: 'planned', plan: { epoch: 1 } })
  t.strictSame(asked, [], 'a dry run changes nothing')
  t.match(await post({ voters: ['a'] }), { statusCode: 200 })
  t.match(await post({ voters: ['slow'] }), { statusCode: 202 })
  const refused = await post({ voters: ['none'] })
  t.equal(refused.statusCode, 409)
  t.strictSame(refused.json(), { error: { status: 409, message: 'none is no member' } })
})

t.test('bad input is a 4xx that says what is wrong', async (t) => {
  const app = operator({})
  const bad: [method: 'POST' | 'PUT', path: string, body: unknown, why: RegExp][] = [
    ['POST', 'voters', {}, /voters must be a list/],
    ['POST', 'voters', { voters: 'a' }, /voters must be a list/],
    ['POST', 'voters', { voters: [1] }, /voters must be a list/],
    ['POST', 'voters', { voters: [], dryRun: 1 }, /dryRun/],
    ['POST', 'voters', { voters: [], dry: true }, /no field dry/],
    ['POST', 'voters', [], /JSON object/],
    ['POST', 'invites', { expiresSeconds: 1 }, /from 60 to/],
    ['POST', 'invites', { expiresSeconds: 1e9 }, /from 60 to/],
    ['POST', 'invites', { byAddresses: 1 }, /true or false/],
    ['PUT', 'nodes/a', { address: 'nowhere' }, /HOST:PORT/],
    ['PUT', 'nodes/a', { address: 'h:99999' }, /HOST:PORT/],
    ['PUT', 'nodes/a', { zone: '' }, /zone/],
    ['PUT', 'nodes/a', { weight: 0 }, /weight/],
    ['PUT', 'nodes/a', { role: 'voter' }, /no field role/],
  ]
  for (const [method, path, body, why] of bad) {
    const answer = await app.inject({ method, url: `/v1/cluster/${path}`, body: body as object })
    t.equal(answer.statusCode, 400, JSON.stringify(body))
    t.match(answer.json(), { error: { message: why } })
  }
  const text = {
    method: 'POST' as const,
    url: '/v1/cluster/voters',
    headers: { 'content-type': 'text/plain' },
  }
  t.equal((await app.inject({ ...text, body: '{"voters":[]}' })).statusCode, 400, 'no form of a web page')
})

t.test('invites last an hour unless said otherwise; they are listed, and revoked', async (t) => {
  const asked: unknown[] = []
  const expiresAt = '2026-01-01T00:00:00.000Z'
  const app = operator({
    invite: async (wishes) => {
      asked.push(wishes)
      return { id: 'i', token: 't', expiresAt }
    },
    invites: () => [{ id: 'i', state: 'open', expiresAt, usedBy: null }],
    revokeInvite: async (id) => void asked.push(id),
  })
  const url = '/v1/cluster/invites'
  const answer = await app.inject({ method: 'POST', url })
  t.match(answer, { statusCode: 201, headers: { 'cache-control': 'no-store' } })
  await app.inject({ method: 'POST', url, body: { expiresSeconds: 60, byAddresses: true } })
  const listed = await app.inject({ url })
  t.match(listed.json(), { invites: [{ id: 'i', state: 'open', expiresAt, usedBy: null }] })
  t.equal((await app.inject({ method: 'DELETE', url: `${url}/i` })).statusCode, 204)
  t.strictSame(asked, [
    { validMs: 3_600_000, byAddresses: false },
    { validMs: 60_000, byAddresses: true },
    'i',
  ])
})

t.test('members are changed, a change of the voters is given up', async (t) => {
  const app = operator({
    changeNode: async (id, changes) => ({ ...member, id, ...changes }),
    abortVoters: async () => {},
  })
  const changed = await app.inject({
    method: 'PUT',
    url: '/v1/cluster/nodes/a',
    body: { zone: 'z', weight: 2 },
  })
  t.strictSame(changed.json(), { ...member, zone: 'z', weight: 2 })
  t.equal((await app.inject({ method: 'DELETE', url: '/v1/cluster/voters/change' })).statusCode, 204)
})

t.test('nodes leave: planned, drained, had back, taken out', async (t) => {
  const asked: unknown[] = []
  const nothing = { images: 0, bytes: 0 }
  const leaving = { node: 'a', epoch: 1, held: null, toMove: nothing, onlyHere: nothing }
  const app = operator(
    {},
    {
      plan: async (kind) => ({ kind, ...leaving, objections: [], warnings: [] }),
      drain: async (...args) => {
        asked.push(['drain', ...args])
        return { kind: 'drain', ...leaving, objections: [], warnings: [] }
      },
      undrain: async (...args) => void asked.push(['undrain', ...args]),
      remove: async (id, isForced) => {
        asked.push(['remove', id, isForced])
        if (id !== 'a') throw new ImageError('NOT_FOUND', `Node ${id} is no member of this cluster.`)
      },
    },
  )
  const at = (method: 'GET' | 'PUT' | 'DELETE', path: string) =>
    app.inject({ method, url: `/v1/cluster/nodes/${path}` })
  t.match((await at('GET', 'a/drain')).json(), { kind: 'drain' })
  t.match((await at('GET', 'a/removal')).json(), { kind: 'remove' })
  t.strictSame(asked, [], 'to look changes nothing')
  t.equal((await at('PUT', 'a/drain')).statusCode, 200)
  t.equal((await at('PUT', 'a/drain?force=true')).statusCode, 200)
  t.equal((await at('DELETE', 'a/drain')).statusCode, 204)
  t.equal((await at('DELETE', 'a?force=true')).statusCode, 204)
  t.equal((await at('DELETE', 'x')).statusCode, 404)
  t.equal((await at('DELETE', 'a?force=yes')).statusCode, 400)
  t.equal((await at('PUT', 'a/drain?forced=true')).statusCode, 400)
  t.strictSame(asked, [
    ['drain', 'a', false],
    ['drain', 'a', true],
    ['undrain', 'a'],
    ['remove', 'a', true],
    ['remove', 'x', false],
  ])
})
