/** Where the bytes of images are: `show_multiple_locations` and `show_image_direct_url` are on, and stores for http URLs. */
import { createHash } from 'node:crypto'
import {
  cases,
  create,
  createRaw,
  download,
  get,
  json,
  patch,
  PATCH_20,
  remove,
  request,
  show,
  type Step,
  upload,
  type Who,
} from '../case.ts'

/** Of one image; both servers are told. */
export const LOCATIONS_MAX = 3

const SHA512 = createHash('sha512').update('x').digest('hex')
const MD5 = createHash('md5').update('x').digest('hex')

interface Extra {
  metadata?: unknown
  validation_data?: unknown
}

/** A location of the mirror; `/5` has five bytes. */
function at(path: string, extra: Extra = {}): object {
  return { url: `{mirror}${path}`, metadata: {}, ...extra }
}

function adding(value: unknown, place = '-'): object {
  return { op: 'add', path: `/locations/${place}`, value }
}

const adds = (path: string, extra: Extra = {}): Step => patch([adding(at(path, extra))])
const removes = (place: string, as: Who = 'admin'): Step =>
  patch([{ op: 'remove', path: `/locations/${place}` }], { as })
const replaces = (value: unknown, as: Who = 'owner'): Step =>
  patch([{ op: 'replace', path: '/locations', value }], { as })
const refused = (value: unknown): Step[] => [createRaw(), patch([adding(value)]), show()]
const two = [createRaw(), adds('/5'), adds('/5/b')]

/** Refused by both. */
const NO_URLS: readonly unknown[] = [
  ...['file:///etc/passwd', 'filesystem:///etc/passwd', 'swift+config://x/y', 'cinder://x', 'nothing', '', 5],
  ...[`http://x/${'y'.repeat(300)}`, '{mirror}/gone', '{mirror}/0', '{mirror}/unmeasured', '{mirror}/file'],
  ...['http://127.0.0.1:9/5', 'http://127.0.0.2/5', 'http://2130706433/5', 'http:///5', 'ftp://127.0.0.1/5'],
]

const URLS: Readonly<Record<string, unknown>> = {
  'that leads elsewhere': '{mirror}/moved',
  'that leads elsewhere for now': '{mirror}/found',
  'that leads elsewhere by another way': '{mirror}/other',
  'that leads to a path': '{mirror}/path',
  'that leads to itself': '{mirror}/circle',
  'with a name and a password': 'http://a:b@{host}/5',
}

const VALIDATION: Readonly<Record<string, unknown>> = {
  whole: { checksum: MD5, os_hash_algo: 'sha512', os_hash_value: SHA512 },
  'without the checksum': { os_hash_algo: 'sha512', os_hash_value: SHA512 },
  'by another algorithm': { os_hash_algo: 'sha256', os_hash_value: SHA512.slice(64) },
  'with a short digest': { os_hash_algo: 'sha512', os_hash_value: SHA512.slice(2) },
  'with no hexadecimal': { os_hash_algo: 'sha512', os_hash_value: 'z'.repeat(128) },
  'with a checksum that is none': { checksum: 'z'.repeat(32), os_hash_algo: 'sha512', os_hash_value: SHA512 },
  'with a short checksum': { checksum: 'ab', os_hash_algo: 'sha512', os_hash_value: SHA512 },
  'of the checksum alone': { checksum: MD5 },
  'without the digest': { os_hash_algo: 'sha512' },
  'with more': { os_hash_algo: 'sha512', os_hash_value: SHA512, more: 'x' },
  'of nothing': {},
  'that is null': null,
}

function each<T>(values: Readonly<Record<string, T>>, area: string, script: (value: T) => Step[]) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]): [string, Step[]] => [`${area} ${name}`, script(value)]),
  )
}

const patching = cases('locations', {
  'the first makes an image active': [createRaw(), adds('/5'), show(), download()],
  'the first of the whole list': [createRaw(), replaces([at('/5'), at('/5/b')]), show(), download()],
  'without formats': [create(), adds('/5'), show()],
  'with formats of the same patch': [
    create(),
    patch([
      { op: 'add', path: '/disk_format', value: 'raw' },
      { op: 'add', path: '/container_format', value: 'bare' },
      adding(at('/5')),
    ]),
    show(),
  ],
  'a part of one': [
    createRaw(),
    adds('/50'),
    download({ headers: { range: 'bytes=10-19' } }),
    download({ headers: { range: 'bytes=60-' } }),
  ],
  'as many as may be, and more': [createRaw(), adds('/5'), adds('/5/b'), adds('/5/c'), adds('/5/d'), show()],
  'more at once': [createRaw(), replaces([at('/5'), at('/5/b'), at('/5/c'), at('/5/d')]), show()],
  ...each(
    { first: '0', second: '1', 'far behind': '7', 'before all': '-1', nowhere: 'x' },
    'put',
    (place) => [...two, patch([adding(at('/5/c'), place)]), show()],
  ),
  'added without a place': [createRaw(), patch([{ op: 'add', path: '/locations', value: at('/5') }]), show()],
  'added deeper': [createRaw(), patch([adding(at('/5'), '0/url')]), show()],
  'the same twice': [createRaw(), adds('/5'), adds('/5'), show()],
  'the same twice at once': [createRaw(), replaces([at('/5'), at('/5')]), show()],
  'of another size': [createRaw(), adds('/5'), adds('/6'), show()],
  'beside data of its own': [
    createRaw(),
    upload('12345'),
    show(),
    adds('/5'),
    show(),
    download(),
    upload('12345'),
  ],
  'data of its own goes with its location': [
    createRaw(),
    upload('mirro'),
    adds('/5'),
    removes('0'),
    show(),
    download(),
  ],
  'by the older dialect': [
    createRaw(),
    patch([{ add: '/locations/-', value: at('/5') }], {}, PATCH_20),
    patch([{ replace: '/locations', value: [at('/5', { metadata: { a: 'b' } })] }], {}, PATCH_20),
    patch([{ remove: '/locations/0' }], { as: 'admin' }, PATCH_20),
    show(),
  ],
  'with metadata': [createRaw(), adds('/5', { metadata: { zone: 'a', deep: { er: ['x', {}] } } }), show()],
  ...each({ numbers: 1, nothing: null, 'yes and no': true }, 'with metadata of', (er) => [
    createRaw(),
    adds('/5', { metadata: { deep: { er: [er] } } }),
    show(),
    adds('/5/b'),
    replaces([at('/5/b', { metadata: { er } })]),
    show(),
  ]),
  ...each({ 'a list': [], 'a text': 'x', nothing: null }, 'metadata that is', (metadata) =>
    refused(at('/5', { metadata })),
  ),
  'without metadata': refused({ url: '{mirror}/5' }),
  'without url': refused({ metadata: {} }),
  'with more than a location has': refused({ ...at('/5'), more: 'x' }),
  ...each({ 'a text': '{mirror}/5', 'a list': [], null: null }, 'one that is', refused),
  'no url of a location': [
    createRaw(),
    ...NO_URLS.map((url) => patch([adding({ url, metadata: {} })])),
    show(),
  ],
  ...each(URLS, 'a url', (url) => refused({ url, metadata: {} })),
  ...each(VALIDATION, 'validation', (validation) => [
    createRaw(),
    adds('/5', { validation_data: validation }),
    show(),
    adds('/5/b', { validation_data: validation }),
    show(),
  ]),
  'validation that differs': [
    createRaw(),
    adds('/5', { validation_data: VALIDATION['whole'] }),
    adds('/5/b', { validation_data: { os_hash_algo: 'sha512', os_hash_value: SHA512.replaceAll('a', 'b') } }),
    show(),
  ],
  'validation that contradicts itself': [
    createRaw(),
    replaces([
      at('/5', { validation_data: VALIDATION['whole'] }),
      at('/5/b', {
        validation_data: { os_hash_algo: 'sha512', os_hash_value: SHA512.replaceAll('a', 'b') },
      }),
    ]),
    show(),
  ],
  'validation of data that was uploaded': [
    createRaw(),
    upload('mirro'),
    adds('/5', { validation_data: VALIDATION['whole'] }),
    show(),
  ],
})

const removing = cases('locations', {
  'the last stays': [createRaw(), adds('/5'), removes('0'), show()],
  'of the data stays as the last': [createRaw(), upload('12345'), removes('0'), download()],
  ...each(
    { first: '0', last: '1', another: '2', 'the newest': '-', nowhere: 'x', 'before all': '-1' },
    'removed',
    (place) => [...two, removes(place), show()],
  ),
  'removed by its owner': [...two, removes('0', 'owner'), show()],
  'removed whole': [...two, patch([{ op: 'remove', path: '/locations' }], { as: 'admin' }), show()],
  'removed while queued': [createRaw(), removes('0')],
  'replaced by none': [...two, replaces([]), show()],
  'replaced by none while queued': [createRaw(), replaces([]), show()],
  'replaced by others': [...two, replaces([at('/5/c')]), show()],
  'replaced by some of them': [...two, replaces([at('/5')]), show()],
  'replaced by the same, said otherwise': [
    ...two,
    replaces([at('/5/b', { metadata: { a: 'b' } }), at('/5')]),
    show(),
  ],
  'replaced by what is no list': [createRaw(), replaces(at('/5')), show()],
  'replaced in part': [...two, patch([{ op: 'replace', path: '/locations/0', value: at('/5/c') }]), show()],
  'none while deactivated': [
    ...two,
    request('POST', '/v2/images/{id}/actions/deactivate', { as: 'admin' }),
    show(),
    show({ as: 'admin' }),
    patch([adding(at('/5/c'))], { as: 'admin' }),
    removes('0'),
    request('POST', '/v2/images/{id}/actions/reactivate', { as: 'admin' }),
    show(),
  ],
  'and all else of a patch': [
    ...two,
    patch([
      { op: 'replace', path: '/name', value: 'new' },
      { op: 'replace', path: '/locations', value: [] },
    ]),
    show(),
  ],
})

const WHO: readonly Who[] = ['owner', 'reader', 'other', 'admin', 'service', 'roleless']
const rights = cases(
  'locations',
  Object.fromEntries(
    WHO.map((as): [string, Step[]] => [
      `for ${as}`,
      [
        createRaw({ visibility: 'community' }),
        adds('/5'),
        show({ as }),
        get('/v2/images?id={id}&visibility=all', { as }),
        patch([adding(at('/5/b'))], { as }),
        replaces([at('/5', { metadata: { a: 'b' } })], as),
        removes('0', as),
        show(),
        remove(),
      ],
    ]),
  ),
)

/** Of 2.17: Debian's Glance does not know it. */
const newer = cases('location API', {
  'by POST': [
    createRaw(),
    request('POST', '/v2/images/{id}/locations', json({ url: '{mirror}/gone' })),
    get('/v2/images/{id}/locations', { as: 'service' }),
  ],
})

export default [...patching, ...removing, ...rights, ...newer]
