/** The record of an image: what may be set when it is made, who sees it, who may delete it. */
import { cases, create, get, patch, remove, request, share, show, type Step, type Who } from '../case.ts'

const ID = 'aaaaaaaa-bbbb-4ccc-8ddd-000000000001'

/** Made and shown; what is refused is refused alike. */
const DRAFTS: Readonly<Record<string, unknown>> = {
  nothing: {},
  'a name': { name: 'x' },
  'an empty name': { name: '' },
  'no name': { name: null },
  'the longest name': { name: 'n'.repeat(255) },
  'a longer name': { name: 'n'.repeat(256) },
  'a name beyond ASCII': { name: 'Bär €' },
  'a name beyond the plane': { name: 'x\u{1F600}' },
  'a name of numbers': { name: 1 },
  'a name with control characters': { name: 'a\tb\nc' },
  'all formats': { disk_format: 'qcow2', container_format: 'bare' },
  'no formats': { disk_format: null, container_format: null },
  'a disk format that is not': { disk_format: 'floppy' },
  'a container format that is not': { container_format: 'box' },
  'an empty format': { disk_format: '' },
  'a format in other letters': { disk_format: 'RAW' },
  'amazon formats': { disk_format: 'ami', container_format: 'ami' },
  'unlike amazon formats': { disk_format: 'ami', container_format: 'bare' },
  minimums: { min_ram: 512, min_disk: 3 },
  'no minimums': { min_ram: 0, min_disk: 0 },
  'negative memory': { min_ram: -1 },
  'negative disk': { min_disk: -1 },
  'the largest minimum': { min_ram: 2147483647, min_disk: 2147483647 },
  'too large a minimum': { min_disk: 2147483648 },
  'a minimum in a text': { min_ram: '1' },
  'a minimum in parts': { min_ram: 1.5 },
  'a whole minimum written in parts': { min_disk: 2.0 },
  'a minimum that is null': { min_ram: null },
  'a minimum that is a flag': { min_ram: true },
  protected: { protected: true },
  'protected in a text': { protected: 'true' },
  'protected as a number': { protected: 1 },
  'protected null': { protected: null },
  hidden: { os_hidden: true },
  'hidden in a text': { os_hidden: 'True' },
  private: { visibility: 'private' },
  shared: { visibility: 'shared' },
  community: { visibility: 'community' },
  public: { visibility: 'public' },
  'a visibility that is not': { visibility: 'secret' },
  'no visibility': { visibility: null },
  tags: { tags: ['b', 'a'] },
  'no tags': { tags: [] },
  'a tag twice': { tags: ['a', 'a'] },
  'the longest tag': { tags: ['t'.repeat(255)] },
  'a longer tag': { tags: ['t'.repeat(256)] },
  'an empty tag': { tags: [''] },
  'a tag that is a number': { tags: [1] },
  'tags that are no list': { tags: 'a' },
  'tags that are null': { tags: null },
  'tags that are an object': { tags: {} },
  'a property': { os_distro: 'debian', foo: 'bar' },
  'an empty property': { foo: '' },
  'a property that is a number': { foo: 1 },
  'a property that is a flag': { foo: true },
  'a property that is null': { foo: null },
  'a property that is a list': { foo: ['a'] },
  'a property that is an object': { foo: {} },
  'a long property': { foo: 'v'.repeat(3000) },
  'the longest name of a property': { ['p'.repeat(255)]: 'x' },
  'a longer name of a property': { ['p'.repeat(256)]: 'x' },
  'names of properties with signs': { 'a b': '1', 'trait:X': '2', ä: '3', 'a/b': '4', 'a~b': '5', '.': '6' },
  'properties in other letters': { Name: 'x', STATUS: 'y', Foo: 'z' },
  'a kernel': { kernel_id: ID, ramdisk_id: ID },
  'no kernel': { kernel_id: null, ramdisk_id: null },
  'a kernel that is no id': { kernel_id: 'vmlinuz' },
  'known properties': {
    architecture: 'x86_64',
    os_version: '12',
    instance_uuid: ID,
    description: 'x',
  },
  'a known property that is null': { architecture: null },
  'what becomes of the key': { cinder_encryption_key_deletion_policy: 'do_not_delete' },
  'what cannot become of the key': { cinder_encryption_key_deletion_policy: 'burn' },
  'an id': { id: ID },
  'an id in capitals': { id: 'AAAAAAAA-BBBB-4CCC-8DDD-00000000000A' },
  'an id that is none': { id: 'x' },
  'an id without dashes': { id: 'aaaaaaaabbbb4ccc8ddd000000000002' },
  'an id that is null': { id: null },
  'an id that is a number': { id: 1 },
  'a list': [],
  'a text': 'x',
  null: null,
  'a number': 1,
  'an owner': { owner: '{owner}' },
  'another owner': { owner: '{other}' },
  'no owner': { owner: null },
  'an empty owner': { owner: '' },
}

/** Only the service sets them. */
const SERVER_FIELDS: Readonly<Record<string, unknown>> = {
  status: 'active',
  size: 1,
  virtual_size: 1,
  checksum: 'x',
  os_hash_algo: 'sha512',
  os_hash_value: 'x',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  deleted_at: '2026-01-01T00:00:00Z',
  deleted: false,
  self: '/x',
  file: '/x',
  schema: '/x',
  direct_url: 'x',
  location: 'x',
  locations: [],
  stores: 'x',
  os_glance_x: 'y',
  os_glance_import_task: 'y',
  os_glancex: 'y',
}

const drafts = Object.entries(DRAFTS).map(([name, draft]): [string, Step[]] => [
  name,
  [create(draft as object), show()],
])
const serverFields = Object.entries(SERVER_FIELDS).map(([name, value]): [string, Step[]] => [
  name,
  [create({ [name]: value }), create({ [name]: value }, { as: 'admin' })],
])

/** Each of them looks, changes, deletes. */
function lives(by: Who): Step[] {
  return [
    show({ as: by }),
    get('/v2/images?name={owner}', { as: by }),
    patch([{ op: 'add', path: `/by_${by}`, value: 'x' }], { as: by }),
    remove({ as: by }),
  ]
}

export default [
  ...cases('create', Object.fromEntries(drafts)),
  ...cases('create/by the service alone', Object.fromEntries(serverFields)),
  ...cases('create/as admin', {
    'for another owner': [create({ owner: '{other}' }, { as: 'admin' }), show({ as: 'other' }), show()],
    'for no owner': [
      create({ owner: null }, { as: 'admin' }),
      show(),
      get('/v2/images?owner=', { as: 'admin' }),
    ],
    public: [create({ visibility: 'public' }, { as: 'admin' }), show({ as: 'other' })],
  }),
  ...cases('create/ids', {
    twice: [
      create({ id: ID }),
      create({ id: ID }, {}, 'second'),
      create({ id: ID }, { as: 'other' }, 'third'),
    ],
    'of a deleted one': [
      create({ id: ID.replace('001', '003') }),
      remove(),
      create({ id: ID.replace('001', '003') }, {}, 'again'),
    ],
  }),
  ...cases('show', {
    'an unknown id': [get(`/v2/images/${ID.replace('0001', '0099')}`)],
    'no id': [get('/v2/images/x')],
    'a long id': [get(`/v2/images/${'x'.repeat(300)}`)],
    'an id in capitals': [
      create({ id: 'abababab-bbbb-4ccc-8ddd-000000000004' }),
      get('/v2/images/ABABABAB-BBBB-4CCC-8DDD-000000000004'),
    ],
    'a deleted one': [create(), remove(), show(), show({ as: 'admin' }), remove(), patch([])],
    'with a query': [create(), get('/v2/images/{id}?x=y')],
    'under a minor version': [create(), get('/v2.3/images/{id}')],
  }),
  ...(['private', 'shared', 'community', 'public'] as const).flatMap((visibility) =>
    (['owner', 'reader', 'other', 'admin', 'service', 'roleless', 'projectless'] as const).flatMap((by) =>
      cases(`life/${visibility}`, {
        [`by ${by}`]: [
          create({ name: '{owner}' }),
          patch([{ op: 'replace', path: '/visibility', value: visibility }], { as: 'admin' }),
          ...lives(by),
        ],
      }),
    ),
  ),
  ...cases('life/as a member', {
    pending: [create({ name: '{owner}' }), share('other'), ...lives('other')],
    accepted: [
      create({ name: '{owner}' }),
      share('other'),
      request('PUT', '/v2/images/{id}/members/{other}', { as: 'other', body: '{"status":"accepted"}' }),
      ...lives('other'),
    ],
    rejected: [
      create({ name: '{owner}' }),
      share('other'),
      request('PUT', '/v2/images/{id}/members/{other}', { as: 'other', body: '{"status":"rejected"}' }),
      ...lives('other'),
    ],
  }),
  ...cases('delete', {
    once: [create(), remove(), remove()],
    'a protected one': [
      create({ protected: true }),
      remove(),
      remove({ as: 'admin' }),
      patch([{ op: 'replace', path: '/protected', value: false }]),
      remove(),
    ],
    'what is not': [
      request('DELETE', `/v2/images/${ID.replace('0001', '0098')}`),
      request('DELETE', '/v2/images/x'),
    ],
    'in capitals': [
      create({ id: 'abababab-bbbb-4ccc-8ddd-000000000005' }),
      request('DELETE', '/v2/images/ABABABAB-BBBB-4CCC-8DDD-000000000005'),
      show(),
    ],
  }),
]
