/** Error bodies by what the client accepts, request ids, and who is let in. */
import { cases, create, get, json, patch, request, show, type Step } from '../case.ts'

const NO_IMAGE = '/v2/images/11111111-2222-4333-8444-555555555555'
const ACCEPTS: Readonly<Record<string, string | null>> = {
  anything: '*/*',
  nothing: null,
  html: 'text/html',
  json: 'application/json',
  text: 'text/plain',
  'json rather than html': 'application/json, text/html;q=0.5',
  'html rather than json': 'text/html, application/json;q=0.5',
  'what browsers send': 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'json or anything': 'application/json, */*',
  'any text': 'text/*',
  'any application': 'application/*',
  'what it has not': 'image/png',
}

/** One error of each kind. */
function errorsFor(accept: string | null): Step[] {
  const headers = { accept }
  return [
    get(NO_IMAGE, { headers }),
    get('/v2/nothing', { headers }),
    get('/v2/images?limit=x', { headers }),
    get(NO_IMAGE, { as: 'nobody', headers }),
    request('PUT', '/v2/images', { headers }),
    request('PATCH', NO_IMAGE, { headers, body: '[]' }),
    request('POST', '/v2/images', { ...json({ status: 'active' }), headers }),
  ]
}

const byAccept = Object.entries(ACCEPTS).map(([name, accept]) => [name, errorsFor(accept)] as const)

export default [
  ...cases('errors', Object.fromEntries(byAccept)),
  ...cases('errors', {
    'a message with signs of HTML': [get('/v2/images?sort_key=<b>&sort_dir="\'')],
    'a message with signs beyond ASCII': [get('/v2/images?sort_key=%C3%A4%E2%82%AC')],
    'a name that is not UTF-8': [get('/v2/images?name=%ff')],
  }),
  ...cases('request-id', {
    'a good one': [
      get('/v2/images?owner=x', {
        headers: { 'x-openstack-request-id': `req-${'0'.repeat(8)}-1111-4111-8111-${'2'.repeat(12)}` },
      }),
    ],
    'one of another form': [get('/v2/images?owner=x', { headers: { 'x-openstack-request-id': 'mine' } })],
    'the longest': [get('/v2/images?owner=x', { headers: { 'x-openstack-request-id': 'r'.repeat(64) } })],
    'too long': [get('/v2/images?owner=x', { headers: { 'x-openstack-request-id': 'r'.repeat(65) } })],
  }),
  ...cases('identity', {
    none: [get('/v2/images', { as: 'nobody' }), request('POST', '/v2/images', { as: 'nobody', ...json({}) })],
    'not confirmed': [get('/v2/images', { headers: { 'x-identity-status': 'Invalid' } })],
    'of a path that is not': [get('/v2/nothing', { as: 'nobody' }), get('/v2/images/', { as: 'nobody' })],
    'roles in other letters': [
      create({}, { headers: { 'x-roles': 'MEMBER , Reader' } }),
      show({ headers: { 'x-roles': 'READER' } }),
    ],
    'no role': [get('/v2/images', { as: 'roleless' }), create({}, { as: 'roleless' })],
    'a reader': [
      create({ name: 'x' }),
      show({ as: 'reader' }),
      get('/v2/images', { as: 'reader' }),
      create({}, { as: 'reader' }, 'other'),
      patch([{ op: 'replace', path: '/name', value: 'y' }], { as: 'reader' }),
      request('DELETE', '/v2/images/{id}', { as: 'reader' }),
      request('PUT', '/v2/images/{id}/tags/x', { as: 'reader' }),
      request('POST', '/v2/images/{id}/actions/deactivate', { as: 'reader' }),
    ],
    'no project': [create({}, { as: 'projectless' }), get('/v2/images', { as: 'projectless' })],
    'the older name of a project': [
      create({}, { headers: { 'x-project-id': null, 'x-tenant-id': '{owner}' } }),
      show(),
    ],
  }),
]
