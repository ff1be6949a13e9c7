/** Bytes that are staged and imported, the stores that they may go to, and the tasks that tell of it. */
import {
  type Case,
  cases,
  create,
  createRaw,
  download,
  get,
  json,
  OCTETS,
  remove,
  request,
  show,
  type Step,
  upload,
} from '../case.ts'

type Options = Parameters<typeof get>[1]

const HELLO = 'hello, importer'
const IMPORT = '/v2/images/{id}/import'
const ABSENT_ID = '7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d10'
const admin = { as: 'admin' } as const

const direct = { method: { name: 'glance-direct' } }
const copy = { method: { name: 'copy-image' } }
const web = { method: { name: 'web-download', uri: '{mirror}/15' } }

function stage(bytes: string | Buffer = HELLO, options: Options = {}): Step {
  return request('PUT', '/v2/images/{id}/stage', {
    body: bytes,
    ...options,
    headers: { 'content-type': OCTETS, ...options.headers },
  })
}

function imports(body: unknown, { headers, ...options }: NonNullable<Options> = {}): Step {
  const sent = json(body)
  return request('POST', IMPORT, { ...sent, ...options, headers: { ...sent.headers, ...headers } })
}

/** What has become of the image when nobody works on it any more. */
const ended = (status: string): Step =>
  show({ until: new RegExp(`^(?!.*os_glance_import_task).*"status": ?"${status}"`, 's') })
const tasks = (options: Options = {}) => get('/v2/images/{id}/tasks', options)
/** The image has its end before its task has. */
const endedTasks = tasks({ until: /"status": ?"(success|failure)"/ })

/** Bodies by what is wrong with them. */
const BODIES: Readonly<Record<string, unknown>> = {
  'without a method': {},
  'without a name': { method: {} },
  'of a method that is none': { method: { name: 'nothing' } },
  'of a method that is not enabled': { method: { name: 'glance-download' } },
  'a method that is a text': { method: 'x' },
  'a list': [],
  'to an unknown store': { ...direct, stores: ['nowhere'] },
  'to stores and all of them': { ...direct, stores: ['main'], all_stores: true },
  'all stores, as a text': { ...direct, all_stores: 'x' },
  'all must succeed, as a text': { ...direct, all_stores_must_succeed: 'x' },
  'to the store by name': { ...direct, stores: ['main'] },
  'to all stores': { ...direct, all_stores: true },
  'to all stores, some of which may fail': { ...direct, all_stores: true, all_stores_must_succeed: false },
}
const URIS: Readonly<Record<string, unknown>> = {
  'without one': undefined,
  'an empty one': '',
  'a number': 5,
  'no URL': 'nothing',
  'another scheme': 'ftp://127.0.0.1/x',
  'a file': 'file:///etc/passwd',
  'another port': 'http://127.0.0.1:22/x',
  'another host': 'http://mirror.example/x',
  'an address in disguise': 'http://2130706433/x',
}

const bodyCases = Object.fromEntries(
  Object.entries(BODIES).map(([name, body]) => {
    const isGood = /^to (the store by|all)/.test(name)
    return [
      `a body ${name}`,
      [
        createRaw(),
        stage(),
        imports(body),
        ...(isGood ? [ended('active'), endedTasks] : [tasks()]),
        remove(),
      ],
    ]
  }),
)
const uriCases = Object.fromEntries(
  Object.entries(URIS).map(([name, uri]) => [
    `a URI: ${name}`,
    [createRaw(), imports({ method: { name: 'web-download', uri } }), show(), tasks(), remove()],
  ]),
)
const taskQueries = [
  'limit=0',
  'limit=2',
  'limit=x',
  'limit=-1',
  'marker=x',
  `marker=${ABSENT_ID}`,
  'status=success&limit=1',
  'status=failure&limit=1',
  'status=nothing',
  'type=import',
  'type=nothing',
  'type=api_image_import&limit=1',
  'sort_dir=asc&limit=1',
  'sort_dir=x',
  'sort_key=created_at&limit=1',
  'sort_key=status&sort_dir=asc&limit=1',
  'sort_key=nothing',
]

export default [
  ...cases('import', {
    'what there is': [
      get('/v2/info/import'),
      get('/v2/info/stores'),
      get('/v2/info/stores/detail'),
      get('/v2/info/stores/detail', admin),
      get('/v2/info/stores/detail', { as: 'service' }),
      get('/v2/info/stores', { as: 'nobody' }),
    ],
    'staged and imported': [
      createRaw(),
      stage(),
      show(),
      download(),
      tasks(),
      stage(),
      upload(HELLO),
      imports(web),
      imports(copy, admin),
      imports(direct),
      ended('active'),
      endedTasks,
      download(),
      stage(),
      imports(direct),
      imports(web),
      remove(),
      tasks(),
      imports(direct),
    ],
    'staged in chunks': [
      createRaw(),
      stage(HELLO, { chunked: true }),
      show(),
      imports(direct),
      ended('active'),
      download(),
      remove(),
    ],
    'nothing is staged': [
      createRaw(),
      imports(direct),
      tasks(),
      stage(''),
      show(),
      imports(direct),
      ended('active'),
      download(),
      remove(),
    ],
    'staged too much': [createRaw(), stage(Buffer.alloc(20_001)), show(), stage(), show(), remove()],
    'staged as another type': [
      createRaw(),
      stage(HELLO, { headers: { 'content-type': 'application/json' } }),
      stage(HELLO, { headers: { 'content-type': null } }),
      show(),
      remove(),
    ],
    'staged and deleted': [createRaw(), stage(), remove(), show(), stage(), imports(direct)],
    'staged by others': [
      createRaw(),
      stage(HELLO, { as: 'reader' }),
      stage(HELLO, { as: 'other' }),
      stage(HELLO, { as: 'nobody' }),
      stage(),
      imports(direct, { as: 'reader' }),
      imports(direct, { as: 'other' }),
      imports(direct, { as: 'nobody' }),
      imports(direct, admin),
      ended('active'),
      tasks({ as: 'reader' }),
      tasks({ as: 'other' }),
      remove(),
    ],
    'staged without formats': [create(), stage(), imports(direct), show(), imports(web), remove()],
    'no image': [
      request('PUT', `/v2/images/${ABSENT_ID}/stage`, { body: HELLO, headers: { 'content-type': OCTETS } }),
      request('POST', `/v2/images/${ABSENT_ID}/import`, json(direct)),
      get(`/v2/images/${ABSENT_ID}/tasks`),
    ],
    'a body that is no JSON': [
      createRaw(),
      request('POST', IMPORT, { body: '{' }),
      request('POST', IMPORT),
      remove(),
    ],
    'to a store by a header': [
      createRaw(),
      stage(),
      imports(direct, { headers: { 'x-image-meta-store': 'nowhere' } }),
      imports({ ...direct, stores: ['main'] }, { headers: { 'x-image-meta-store': 'main' } }),
      imports({ ...direct, all_stores: true }, { headers: { 'x-image-meta-store': 'main' } }),
      imports(direct, { headers: { 'x-image-meta-store': 'main' } }),
      ended('active'),
      remove(),
    ],
    'from the web': [
      createRaw(),
      imports(web),
      ended('active'),
      endedTasks,
      download(),
      imports(web),
      remove(),
    ],
    'from where nothing is': [
      createRaw(),
      imports({ method: { name: 'web-download', uri: '{mirror}/gone' } }),
      ended('queued'),
      endedTasks,
      download(),
      imports(web),
      ended('active'),
      remove(),
    ],
    'from where nobody listens': [
      createRaw(),
      imports({ method: { name: 'web-download', uri: 'http://127.0.0.1:1/x' } }),
      ended('queued'),
      endedTasks,
      remove(),
    ],
    'from the web, without formats': [create(), imports(web), show(), remove()],
    ...bodyCases,
    ...uriCases,
  }),
  ...cases('stores', {
    'uploads to a store': [
      createRaw(),
      upload(HELLO, { headers: { 'x-image-meta-store': 'nowhere' } }),
      show(),
      upload(HELLO, { headers: { 'x-image-meta-store': 'main' } }),
      show(),
      remove(),
    ],
    'copies to more stores': [
      createRaw(),
      imports(copy, admin),
      upload(HELLO),
      imports(copy),
      imports(copy, admin),
      imports({ ...copy, stores: ['main'] }, admin),
      imports({ ...copy, stores: ['nowhere'] }, admin),
      imports({ ...copy, all_stores: true }, admin),
      tasks(),
      show(),
      remove(),
    ],
    'taken out of a store': [
      createRaw(),
      request('DELETE', '/v2/stores/main/{id}', admin),
      upload(HELLO),
      request('DELETE', '/v2/stores/main/{id}'),
      request('DELETE', '/v2/stores/main/{id}', { as: 'other' }),
      request('DELETE', '/v2/stores/nowhere/{id}', admin),
      request('DELETE', '/v2/stores/main/{id}', admin),
      request('DELETE', `/v2/stores/main/${ABSENT_ID}`, admin),
      show(),
      remove(),
    ],
  }),
  ...cases('tasks', {
    'for administrators': [
      get('/v2/tasks'),
      get(`/v2/tasks/${ABSENT_ID}`),
      get('/v2/tasks', { as: 'reader' }),
      get('/v2/tasks', { as: 'nobody' }),
      get(`/v2/tasks/${ABSENT_ID}`, admin),
      get('/v2/tasks/nothing', admin),
      request('DELETE', `/v2/tasks/${ABSENT_ID}`, admin),
    ],
    'one of an import': [
      createRaw(),
      imports(web),
      ended('active'),
      endedTasks,
      get('/v2/tasks?limit=1', { ...admin, keep: {} }),
    ],
    ...Object.fromEntries(taskQueries.map((query) => [query, [get(`/v2/tasks?${query}`, admin)]])),
  }),
] satisfies Case[]
