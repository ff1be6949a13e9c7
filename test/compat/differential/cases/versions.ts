/** Version documents, the paths that lead to them, what proxies say of them, and health. */
import { cases, get, request } from '../case.ts'

const anonymous = { as: 'nobody' } as const
const MINORS = Array.from({ length: 17 }, (_, minor) => `v2.${minor}`)

export default [
  ...cases('versions', {
    'at the root': [get('/', anonymous)],
    'under its name': [get('/versions', anonymous)],
    'under its name with a slash': [get('/versions/', anonymous)],
    'with a query': [get('/?x=1', anonymous), get('/versions?x=1', anonymous)],
    'a version that is not': [get('/v3', anonymous), get('/v3/images', anonymous), get('/v2.99/images')],
    'the first version': [get('/v1', anonymous), get('/v1/images'), get('/v1.1/images')],
    'no version': [get('/images'), get('/anything/at/all', anonymous)],
    'other methods': ['POST', 'PUT', 'DELETE', 'PATCH'].map((method) => request(method, '/', anonymous)),
    'other methods at the name': ['POST', 'DELETE'].map((method) => request(method, '/versions', anonymous)),
    'only the head': [request('HEAD', '/', anonymous), request('HEAD', '/versions', anonymous)],
    'v2 itself': [get('/v2'), get('/v2/'), get('/v2', anonymous), get('/v2/', anonymous)],
    'by media type': ['v2', 'v2.0', 'v2.3', 'v2.7', 'v2.99', 'v3', 'v1'].map((version) =>
      get('/images', { headers: { accept: `application/vnd.openstack.images-${version}` } }),
    ),
    'by media type at paths without version': ['/', '/versions', '/schemas/member'].map((path) =>
      get(path, { headers: { accept: 'application/vnd.openstack.images-v2' } }),
    ),
    'as a proxy says': [
      get('/', { ...anonymous, headers: { 'x-forwarded-proto': 'https' } }),
      get('/', {
        ...anonymous,
        headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'image.example' },
      }),
      get('/', { ...anonymous, headers: { 'x-forwarded-host': 'image.example:8080' } }),
      get('/', { ...anonymous, headers: { 'x-forwarded-prefix': '/image' } }),
      get('/', { ...anonymous, headers: { forwarded: 'for=192.0.2.1;proto=https;host=image.example' } }),
    ],
    'as the host says': [
      get('/', { ...anonymous, headers: { host: 'image.example' } }),
      get('/', { ...anonymous, headers: { host: 'image.example:9292' } }),
    ],
  }),
  ...cases(
    'versions/prefix',
    Object.fromEntries(MINORS.map((minor) => [minor, [get(`/${minor}/images?owner=nobody`)]])),
  ),
  ...cases('health', {
    'without Accept': [get('/healthcheck', { ...anonymous, headers: { accept: null } })],
    anything: [get('/healthcheck', anonymous)],
    text: [get('/healthcheck', { ...anonymous, headers: { accept: 'text/plain' } })],
    html: [get('/healthcheck', { ...anonymous, headers: { accept: 'text/html' } })],
    json: [get('/healthcheck', { ...anonymous, headers: { accept: 'application/json' } })],
    'what it has not': [get('/healthcheck', { ...anonymous, headers: { accept: 'image/png' } })],
    'only the head': [request('HEAD', '/healthcheck', anonymous)],
  }),
]
