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

export const HELLO = 'hello, importer'
const IMPORT = '/v2/images/{id}/import'
const ABSENT_ID = '7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d10'
export const admin = { as: 'admin' } as const

export const direct = { method: { name: 'glance-direct' } }
export const copy = { method: { name: 'copy-image' } }
export const web = { method: { name: 'web-download', uri: '{mirror}/15' } }

export function stage(bytes: string | Buffer = HELLO, options: Options = {}): Step {
  return request('PUT', '/v2/images/{id}/stage', {
    body: bytes,
    ...options,
    headers: { 'content-type': OCTETS, ...options.headers },
  })
}

export function importOf(body: unknown, { headers, ...options }: NonNullable<Options> = {}): Step {
  const sent = json(body)
  return request('POST', IMPORT, { ...sent, ...options, headers: { ...sent.headers, ...headers } })
}

/** What has become of the image when nobody works on it any more. */
export const ended = (status: string, options: Options = {}): Step =>
  show({ ...options, until: new RegExp(`^(?!.*os_glance_import_task).*"status": ?"${status}"`, 's') })
const tasks = (options: Options = {}) => get('/v2/images/{id}/tasks', options)
/** The image has its end before its task has. */
export const endedTasks = tasks({ until: /"status": ?"(success|failure)"/ })

/** Its task has ended, and so it is told only then: Glance may keep the image locked. */
export const endedTo = (options: Options = {}): Step[] => [
  tasks({ ...options, until: /"status": ?"(success|failure)"/ }),
  show(options),
]

/** To one store after the other. */
export const uploadsTo = (...stores: string[]): Step[] =>
  stores.flatMap((store) => [upload(HELLO, { headers: { 'x-image-meta-store': store } }), show()])

const IMAGE = { name: 'by a task', disk_format: 'raw', container_format: 'bare', colour: 'red' }

function task(input: object, options: Options = admin): Step {
  return request('POST', '/v2/tasks', {
    ...json({ type: 'import', input }),
    keep: { task: 'id' },
    ...options,
  })
}

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
        importOf(body),
        ...(isGood ? [ended('active'), endedTasks] : [tasks()]),
        remove(),
      ],
    ]
  }),
)
const uriCases = Object.fromEntries(
  Object.entries(URIS).map(([name, uri]) => [
    `a URI: ${name}`,
    [createRaw(), importOf({ method: { name: 'web-download', uri } }), show(), tasks(), remove()],
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
      importOf(web),
      importOf(copy, admin),
      importOf(direct),
      ended('active'),
      endedTasks,
      download(),
      stage(),
      importOf(direct),
      importOf(web),
      remove(),
      tasks(),
      importOf(direct),
    ],
    'staged in chunks': [
      createRaw(),
      stage(HELLO, { chunked: true }),
      show(),
      importOf(direct),
      ended('active'),
      download(),
      remove(),
    ],
    'nothing is staged': [
      createRaw(),
      importOf(direct),
      tasks(),
      stage(''),
      show(),
      importOf(direct),
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
    'staged and deleted': [createRaw(), stage(), remove(), show(), stage(), importOf(direct)],
    'staged by others': [
      createRaw(),
      stage(HELLO, { as: 'reader' }),
      stage(HELLO, { as: 'other' }),
      stage(HELLO, { as: 'nobody' }),
      stage(),
      importOf(direct, { as: 'reader' }),
      importOf(direct, { as: 'other' }),
      importOf(direct, { as: 'nobody' }),
      importOf(direct, admin),
      ended('active'),
      tasks({ as: 'reader' }),
      tasks({ as: 'other' }),
      remove(),
    ],
    'staged without formats': [create(), stage(), importOf(direct), show(), importOf(web), remove()],
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
      importOf(direct, { headers: { 'x-image-meta-store': 'nowhere' } }),
      importOf({ ...direct, stores: ['main'] }, { headers: { 'x-image-meta-store': 'main' } }),
      importOf({ ...direct, all_stores: true }, { headers: { 'x-image-meta-store': 'main' } }),
      importOf(direct, { headers: { 'x-image-meta-store': 'main' } }),
      ended('active'),
      remove(),
    ],
    'from the web': [
      createRaw(),
      importOf(web),
      ended('active'),
      endedTasks,
      download(),
      importOf(web),
      remove(),
    ],
    'from where nothing is': [
      createRaw(),
      importOf({ method: { name: 'web-download', uri: '{mirror}/gone' } }),
      ended('queued'),
      endedTasks,
      download(),
      importOf(web),
      ended('active'),
      remove(),
    ],
    'from where nobody listens': [
      createRaw(),
      importOf({ method: { name: 'web-download', uri: 'http://127.0.0.1:1/x' } }),
      ended('queued'),
      endedTasks,
      remove(),
    ],
    'from the web, without formats': [create(), importOf(web), show(), remove()],
    ...bodyCases,
    ...uriCases,
  }),
  ...cases('stores', {
    'uploads to a store': [createRaw(), ...uploadsTo('nowhere', 'main'), remove()],
    'copies to more stores': [
      createRaw(),
      importOf(copy, admin),
      upload(HELLO),
      importOf(copy),
      importOf(copy, admin),
      importOf({ ...copy, stores: ['main'] }, admin),
      importOf({ ...copy, stores: ['nowhere'] }, admin),
      importOf({ ...copy, all_stores: true }, admin),
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
    'asked for': [
      task({ import_from: '{mirror}/15' }, {}),
      task({ import_from: '{mirror}/15' }),
      get('/v2/tasks/{task}', { ...admin, until: /"status": ?"failure"/ }),
      task({ import_from: 'file:///etc/passwd' }),
      task({ import_from: 'http://127.0.0.1:22/x' }),
      task({}),
      request('POST', '/v2/tasks', { ...json({ input: {} }), ...admin }),
      request('POST', '/v2/tasks', { ...json({ type: 'import' }), ...admin }),
      request('POST', '/v2/tasks', { ...json({ type: 'nothing', input: {} }), ...admin }),
      request('POST', '/v2/tasks', { ...json({ type: 'import', input: 'x' }), ...admin }),
      request('POST', '/v2/tasks', admin),
    ],
    'that imports': [
      task({ import_from: '{mirror}/15', import_from_format: 'raw', image_properties: IMAGE }),
      get('/v2/tasks/{task}', { ...admin, until: /"status": ?"(success|failure)"/ }),
      get('/v2/images?owner={admin}', admin),
    ],
    'that imports from where nothing is': [
      task({ import_from: '{mirror}/gone', import_from_format: 'raw', image_properties: IMAGE }),
      get('/v2/tasks/{task}', { ...admin, until: /"status": ?"failure"/ }),
      get('/v2/images?owner={admin}', admin),
    ],
    'one of an import': [
      createRaw(),
      importOf(web),
      ended('active'),
      endedTasks,
      get('/v2/tasks?limit=1', { ...admin, keep: {} }),
    ],
    ...Object.fromEntries(taskQueries.map((query) => [query, [get(`/v2/tasks?${query}`, admin)]])),
  }),
] satisfies Case[]
