/** The bytes of images: uploads, downloads and parts of them, and what an image may become. */
import {
  cases,
  create,
  createRaw,
  download,
  OCTETS,
  patch,
  remove,
  request,
  share,
  show,
  type Step,
  upload,
} from '../case.ts'

const BYTES = 'abcdefghijklmnopqrstuvwxyz'

const RANGES = [
  'bytes=0-0',
  'bytes=0-4',
  'bytes=5-',
  'bytes=-5',
  'bytes=-0',
  'bytes=-100',
  'bytes=0-100',
  'bytes=25-25',
  'bytes=25-',
  'bytes=26-',
  'bytes=26-30',
  'bytes=100-200',
  'bytes=5-4',
  'bytes=-',
  'bytes=',
  'bytes=x-y',
  'bytes=1',
  'bytes=0-1,3-4',
  'bytes=0-1, 3-4',
  'bytes = 0-1',
  'bytes=0 - 1',
  'BYTES=0-1',
  'octets=0-1',
  'nonsense',
  '',
]
const CONTENT_RANGES = [
  'bytes 0-4/26',
  'bytes 0-4/*',
  'bytes 0-4/27',
  'bytes 5-25/26',
  'bytes 5-26/26',
  'bytes 5-26/*',
  'bytes 26-27/28',
  'bytes 26-27/*',
  'bytes 5-4/26',
  'bytes */26',
  'bytes 0-4',
  'bytes=0-4',
  'nonsense',
]

const withData: Step[] = [createRaw({ name: 'x' }), upload(BYTES)]

const ranges = RANGES.map((range): [string, Step[]] => [
  `range '${range}'`,
  [...withData, download({ headers: { range } })],
])
const contentRanges = CONTENT_RANGES.map((range): [string, Step[]] => [
  `content-range '${range}'`,
  [...withData, download({ headers: { 'content-range': range } })],
])

const TYPES: readonly (string | null)[] = [
  null,
  'application/json',
  'text/plain',
  'application/octet-stream; charset=binary',
  'Application/Octet-Stream',
  'application/octet-streams',
  '',
]
const types = TYPES.map((type): [string, Step[]] => [
  `type '${type}'`,
  [createRaw(), upload(BYTES, { headers: { 'content-type': type } }), show()],
])

const action = (name: 'deactivate' | 'reactivate', as: Step['as'] = 'owner') =>
  request('POST', `/v2/images/{id}/actions/${name}`, { as })

/** Everything that may be tried in a status. */
const attempts: Step[] = [
  show(),
  download(),
  download({ as: 'admin' }),
  upload('x'),
  action('reactivate'),
  action('deactivate'),
  action('deactivate'),
  download(),
  download({ as: 'admin' }),
  upload('x'),
  patch([{ op: 'add', path: '/while', value: 'x' }]),
  action('reactivate'),
  download(),
  remove(),
  show(),
]

export default [
  ...cases('data', {
    'put and got': [...withData, show(), download(), download({ as: 'admin' })],
    'in chunks': [createRaw(), upload(BYTES, { chunked: true }), show(), download()],
    none: [createRaw(), upload(''), show(), download()],
    'none in chunks': [createRaw(), upload('', { chunked: true }), show(), download()],
    'without a body at all': [
      createRaw(),
      request('PUT', '/v2/images/{id}/file', { headers: { 'content-type': OCTETS } }),
      show(),
    ],
    many: [createRaw(), upload(Buffer.alloc(15_000, 'serac')), show(), download()],
    binary: [createRaw(), upload(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))), download()],
    'asked for before': [createRaw(), download(), download({ headers: { range: 'bytes=0-1' } })],
    twice: [...withData, upload('other'), show(), download()],
    'without formats': [create(), upload(BYTES), show()],
    'without a container format': [create({ disk_format: 'raw' }), upload(BYTES), show()],
    'without a disk format': [create({ container_format: 'bare' }), upload(BYTES), show()],
    'to no image': [request('PUT', '/v2/images/x/file', { headers: { 'content-type': OCTETS }, body: 'x' })],
    'of no image': [request('GET', '/v2/images/x/file')],
    'of a deleted image': [...withData, remove(), download(), upload('x')],
    'to a hidden image': [createRaw(), upload('x', { as: 'other' }), download({ as: 'other' })],
    'to a public image of others': [
      createRaw(),
      patch([{ op: 'replace', path: '/visibility', value: 'public' }], { as: 'admin' }),
      upload('x', { as: 'other' }),
      upload('abc'),
      download({ as: 'other' }),
      download({ as: 'reader' }),
      download({ as: 'roleless' }),
      download({ as: 'projectless' }),
      download({ as: 'service' }),
    ],
    'by a reader': [...withData, upload('x', { as: 'reader' }), download({ as: 'reader' })],
    'by a member': [...withData, share('other'), upload('x', { as: 'other' }), download({ as: 'other' })],
    'by the admin': [createRaw(), upload(BYTES, { as: 'admin' }), show(), download()],
    'of a community image': [
      ...withData,
      patch([{ op: 'replace', path: '/visibility', value: 'community' }]),
      download({ as: 'other' }),
    ],
    'whose store is chosen': [
      createRaw(),
      upload(BYTES, { headers: { 'x-image-meta-store': 'main' } }),
      show(),
    ],
    'raw has its size inside': [createRaw({ container_format: 'ovf' }), upload(BYTES), show()],
    'accepted as anything': [
      ...withData,
      ...['application/json', 'text/html', null].map((accept) => download({ headers: { accept } })),
    ],
    'the same through a minor version': [...withData, request('GET', '/v2.5/images/{id}/file')],
  }),
  ...cases('data/size', {
    'that fits': [createRaw(), upload(BYTES, { headers: { 'x-openstack-image-size': '26' } }), show()],
    'that does not': [createRaw(), upload(BYTES, { headers: { 'x-openstack-image-size': '25' } }), show()],
    'that is none': [createRaw(), upload(BYTES, { headers: { 'x-openstack-image-size': 'x' } }), show()],
    'of chunks': [
      createRaw(),
      upload(BYTES, { chunked: true, headers: { 'x-openstack-image-size': '26' } }),
      show(),
    ],
    'of chunks that does not': [
      createRaw(),
      upload(BYTES, { chunked: true, headers: { 'x-openstack-image-size': '27' } }),
      show(),
    ],
  }),
  ...cases('data', Object.fromEntries([...ranges, ...contentRanges, ...types])),
  ...cases('data', {
    'an empty part of an empty image': [
      createRaw(),
      upload(''),
      ...['bytes=0-', 'bytes=0-0', 'bytes=-1'].map((range) => download({ headers: { range } })),
    ],
    'both kinds of range': [
      ...withData,
      download({ headers: { range: 'bytes=0-1', 'content-range': 'bytes 3-4/26' } }),
    ],
    'a part with a condition': [
      ...withData,
      download({ headers: { range: 'bytes=0-1', 'if-range': '"x"' } }),
    ],
    'with conditions': [
      ...withData,
      download({ headers: { 'if-none-match': '*', 'if-modified-since': 'Sat, 01 Jan 2028 00:00:00 GMT' } }),
    ],
  }),
  ...cases('status', {
    queued: [createRaw(), ...attempts],
    active: [...withData, ...attempts],
    'deactivated by the admin': [...withData, action('deactivate', 'admin'), ...attempts],
    'actions of others': [
      ...withData,
      action('deactivate', 'other'),
      share('other'),
      action('deactivate', 'other'),
      action('deactivate', 'reader'),
      action('deactivate', 'service'),
      action('deactivate', 'admin'),
      action('reactivate', 'other'),
      action('reactivate', 'admin'),
      show(),
    ],
    'actions on a public image of others': [
      ...withData,
      patch([{ op: 'replace', path: '/visibility', value: 'public' }], { as: 'admin' }),
      action('deactivate', 'other'),
      action('deactivate'),
      download({ as: 'other' }),
      // By its owner: Glance lets no administrator, see `cases/delayed-delete.ts`.
      remove(),
    ],
    'actions on no image': [
      request('POST', '/v2/images/x/actions/deactivate'),
      request('POST', '/v2/images/x/actions/reactivate'),
    ],
    'actions on a deleted image': [...withData, remove(), action('deactivate'), action('reactivate')],
    'a deactivated image in lists': [
      ...withData,
      action('deactivate'),
      request('GET', '/v2/images?status=deactivated&owner={owner}'),
      request('GET', '/v2/images?status=active'),
      remove(),
    ],
    'a protected active image': [
      createRaw({ protected: true }),
      upload('x'),
      remove(),
      action('deactivate'),
      remove(),
    ],
  }),
]
