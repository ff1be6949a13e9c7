/** `/v2/cache` and its older routes: of servers without a cache, and of servers whose images lie in a directory and are cached. */
import {
  cases,
  createRaw,
  download,
  get,
  json,
  remove,
  request,
  upload,
  type Step,
  type Who,
} from '../case.ts'

const ABSENT_ID = '11111111-2222-4333-8444-555555555555'
const CALLERS: readonly Who[] = [
  'admin',
  'owner',
  'reader',
  'other',
  'service',
  'roleless',
  'projectless',
  'nobody',
]
const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'GET']
const TARGET_HEADER = 'x-image-cache-clear-target'
const AS_ADMIN = { as: 'admin' } as const
const ONE_CACHED = /"cached_images":\s*\[\{[^\]]*\],\s*"queued_images":\s*\[\]/
const ONE_CACHED_HERE = /"cached_images":\s*\[\{/

const list = get('/v2/cache', AS_ADMIN)
/** What was queued or downloaded comes in behind the answer. */
const listCached: Step = { ...list, until: ONE_CACHED }
const empty = request('DELETE', '/v2/cache', AS_ADMIN)
const active = [createRaw(), upload('some bytes')]

function queue(id = '{id}', as: Who = 'admin'): Step {
  return request('PUT', `/v2/cache/${id}`, { as })
}

function drop(id = '{id}', as: Who = 'admin'): Step {
  return request('DELETE', `/v2/cache/${id}`, { as })
}

function byEachCaller(name: string, before: readonly Step[], step: (as: Who) => Step) {
  return Object.fromEntries(CALLERS.map((as) => [`${name} by ${as}`, [...before, step(as)]]))
}

const cachedOne = [empty, ...active, queue(), listCached]

export const disabled = cases('no cache', {
  versions: [get('/versions')],
  ...byEachCaller('list', [], (as) => get('/v2/cache', { as })),
  ...byEachCaller('clear', [], (as) => request('DELETE', '/v2/cache', { as })),
  ...byEachCaller('queue', active, (as) => queue('{id}', as)),
  ...byEachCaller('delete', active, (as) => drop('{id}', as)),
  'queue what is absent': [queue(ABSENT_ID)],
  'clear a bad target': [request('DELETE', '/v2/cache', { as: 'admin', headers: { [TARGET_HEADER]: 'x' } })],
})

export const enabled = cases('cache', {
  versions: [get('/versions')],
  ...byEachCaller('list', [empty], (as) => get('/v2/cache', { as })),
  'list with a body': [get('/v2/cache', { as: 'admin', ...json({}) })],
  'list with a query': [empty, get('/v2/cache?limit=1', AS_ADMIN)],
  'list with a slash behind it': [get('/v2/cache/', AS_ADMIN)],
  ...Object.fromEntries(
    METHODS.flatMap((method) => [
      [`by ${method}`, [empty, request(method, '/v2/cache', AS_ADMIN)]],
      [`of one, by ${method}`, [empty, ...active, request(method, '/v2/cache/{id}', AS_ADMIN)]],
    ]),
  ),
  ...byEachCaller('queue', [empty, ...active], (as) => queue('{id}', as)),
  ...byEachCaller('queue what is public', [empty, createRaw({ visibility: 'public' }, AS_ADMIN)], (as) =>
    queue('{id}', as),
  ),
  ...byEachCaller('queue what is absent', [], (as) => queue(ABSENT_ID, as)),
  'queue no id': [queue('no-id')],
  'queue a long id': [queue('x'.repeat(300))],
  'queue an image without data': [createRaw(), queue(), list],
  'queue an active image': [...cachedOne, download(), list],
  'queue a cached image': [...cachedOne, queue(), listCached],
  'queue with a body': [empty, ...active, request('PUT', '/v2/cache/{id}', { as: 'admin', ...json({}) })],
  'queue a deactivated image': [
    empty,
    ...active,
    request('POST', '/v2/images/{id}/actions/deactivate', AS_ADMIN),
    queue(),
  ],
  'queue a deleted image': [...active, remove(), queue()],
  ...byEachCaller('delete', cachedOne, (as) => drop('{id}', as)),
  ...byEachCaller('delete what is absent', [], (as) => drop(ABSENT_ID, as)),
  'delete no id': [drop('no-id')],
  'delete what is cached': [...cachedOne, drop(), list, download(), listCached],
  'delete what is not cached': [empty, ...active, drop(), list],
  'delete an image without data': [createRaw(), drop()],
  'delete twice': [...cachedOne, drop(), drop()],
  ...byEachCaller('clear', cachedOne, (as) => request('DELETE', '/v2/cache', { as })),
  ...Object.fromEntries(
    ['', 'cache', 'queue', 'both', 'CACHE', 'Queue', ' cache', 'cache,queue', 'x'].map((target) => [
      `clear '${target}'`,
      [
        ...cachedOne,
        request('DELETE', '/v2/cache', { as: 'admin', headers: { [TARGET_HEADER]: target } }),
        list,
      ],
    ]),
  ),
  'clear with a body': [request('DELETE', '/v2/cache', { as: 'admin', ...json({}) })],
  'a download is cached': [empty, ...active, download(), listCached, download(), download(), list],
  'a part of an image is not': [empty, ...active, download({ headers: { range: 'bytes=0-3' } }), list],
  'what is cached is deleted': [...cachedOne, remove(), list],
  'what is cached is deactivated': [
    ...cachedOne,
    request('POST', '/v2/images/{id}/actions/deactivate', AS_ADMIN),
    list,
    download(),
    download(AS_ADMIN),
  ],
  ...byEachCaller('cached_images', [empty], (as) => get('/v2/cached_images', { as })),
  ...byEachCaller('queued_images', [empty], (as) => get('/v2/queued_images', { as })),
  ...byEachCaller('cached_images/absent', [], (as) =>
    request('DELETE', `/v2/cached_images/${ABSENT_ID}`, { as }),
  ),
  ...byEachCaller('queued_images/absent', [], (as) =>
    request('DELETE', `/v2/queued_images/${ABSENT_ID}`, { as }),
  ),
  ...byEachCaller('queued_images, queue', [...cachedOne], (as) =>
    request('PUT', '/v2/queued_images/{id}', { as }),
  ),
  ...byEachCaller('cached_images, clear', cachedOne, (as) => request('DELETE', '/v2/cached_images', { as })),
  ...byEachCaller('queued_images, clear', cachedOne, (as) => request('DELETE', '/v2/queued_images', { as })),
  'cached_images of one': [
    ...cachedOne,
    get('/v2/cached_images', { as: 'admin', until: ONE_CACHED_HERE }),
    request('DELETE', '/v2/cached_images/{id}', AS_ADMIN),
    get('/v2/cached_images', AS_ADMIN),
  ],
  ...Object.fromEntries(
    ['cached_images', 'queued_images'].flatMap((path) =>
      METHODS.flatMap((method) => [
        [`${path} by ${method}`, [empty, request(method, `/v2/${path}`, AS_ADMIN)]],
        [`${path} of one, by ${method}`, [...cachedOne, request(method, `/v2/${path}/{id}`, AS_ADMIN)]],
      ]),
    ),
  ),
  'queued_images no id': [request('PUT', '/v2/queued_images/no-id', AS_ADMIN)],
})
