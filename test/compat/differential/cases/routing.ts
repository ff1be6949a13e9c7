/** Methods that a path does not know, paths that are not, and bodies where none is expected. */
import { cases, create, createRaw, get, OCTETS, request, share, type Step } from '../case.ts'

/** Below /v2, with the methods that they know. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  '/images': ['GET', 'POST'],
  '/images/{id}': ['GET', 'PATCH', 'DELETE'],
  '/images/{id}/file': ['GET', 'PUT'],
  '/images/{id}/members': ['GET', 'POST'],
  '/images/{id}/members/{other}': ['GET', 'PUT', 'DELETE'],
  '/images/{id}/tags/x': ['PUT', 'DELETE'],
  '/images/{id}/actions/deactivate': ['POST'],
  '/images/{id}/actions/reactivate': ['POST'],
  '/schemas/image': ['GET'],
  '/schemas/images': ['GET'],
  '/schemas/member': ['GET'],
  '/schemas/members': ['GET'],
}
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'TRACE', 'PROPFIND']

function wrongMethods([path, known]: readonly [string, readonly string[]]): [string, Step[]] {
  const wrong = METHODS.filter((method) => !known.includes(method))
  return [path, [create(), ...wrong.map((method) => request(method, `/v2${path}`))]]
}

const UNKNOWN = [
  '/v2/nothing',
  '/v2/images/',
  '/v2//images',
  '/v2/schemas',
  '/v2/schemas/nothing',
  '/v2/images/{id}/',
  '/v2/images/{id}/nothing',
  '/v2/images/{id}/tags',
  '/v2/images/{id}/tags/',
  '/v2/images/{id}/tags/a/b',
  '/v2/images/{id}/members/',
  '/v2/images/{id}/actions',
  '/v2/images/{id}/actions/nothing',
  '/v2/images/{id}/file/',
]

const bodyless = (method: string, path: string) => [
  create(),
  share('other'),
  request(method, path, { body: '{}' }),
  request(method, path, { body: 'x', chunked: true }),
]

export default [
  ...cases('routing/methods', Object.fromEntries(Object.entries(PATHS).map(wrongMethods))),
  ...cases(
    'routing/unknown',
    Object.fromEntries(UNKNOWN.map((path) => [path, [create(), get(path), request('POST', path)]])),
  ),
  ...cases('routing/body', {
    'to show': bodyless('GET', '/v2/images/{id}'),
    'to list': bodyless('GET', '/v2/images'),
    'to delete': bodyless('DELETE', '/v2/images/{id}'),
    'to download': bodyless('GET', '/v2/images/{id}/file'),
    'to tag': bodyless('PUT', '/v2/images/{id}/tags/x'),
    'to untag': bodyless('DELETE', '/v2/images/{id}/tags/x'),
    'to deactivate': bodyless('POST', '/v2/images/{id}/actions/deactivate'),
    'to members': bodyless('GET', '/v2/images/{id}/members'),
    'to a member': bodyless('GET', '/v2/images/{id}/members/{other}'),
    'to unshare': bodyless('DELETE', '/v2/images/{id}/members/{other}'),
    'to a schema': bodyless('GET', '/v2/schemas/image'),
  }),
  ...cases('routing/type', {
    'octets without a body': [
      createRaw(),
      ...(
        [
          ['GET', '/v2/images/{id}'],
          ['PUT', '/v2/images/{id}/tags/x'],
          ['DELETE', '/v2/images/{id}/tags/x'],
          ['DELETE', '/v2/images/{id}'],
        ] as const
      ).map(([method, path]) => request(method, path, { headers: { 'content-type': OCTETS } })),
    ],
    'json called text': [create({ name: 'x' }, { headers: { 'content-type': 'text/plain' } })],
    'json without a type': [create({ name: 'x' }, { headers: {} })],
    'json in chunks': [create({ name: 'x' }, { chunked: true })],
    'no body': [request('POST', '/v2/images'), request('POST', '/v2/images', { body: '' })],
    'no json': [
      request('POST', '/v2/images', { body: 'x' }),
      request('POST', '/v2/images', { body: '{' }),
      request('POST', '/v2/images', { body: Buffer.from([0x7b, 0xff, 0x7d]) }),
    ],
  }),
]
