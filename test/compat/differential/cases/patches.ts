/** Both dialects of a patch. */
import {
  cases,
  create,
  createRaw,
  patch,
  PATCH_20,
  PATCH_21,
  request,
  show,
  type Step,
  upload,
} from '../case.ts'

type Verb = 'add' | 'replace' | 'remove'

/** One operation in the form of `type`. */
function operation(type: string, verb: Verb, path: string, value?: unknown): object {
  const rest = value === undefined ? {} : { value }
  return type === PATCH_21 ? { op: verb, path, ...rest } : { [verb]: path, ...rest }
}

/** What is done to each target, one after the other. */
const TARGETS: Readonly<Record<string, unknown>> = {
  name: 'x',
  visibility: 'private',
  protected: true,
  os_hidden: true,
  min_ram: 1,
  min_disk: 1,
  tags: ['x'],
  disk_format: 'qcow2',
  container_format: 'ova',
  owner: '{other}',
  stores: 'x',
  there: 'changed',
  absent: 'new',
  architecture: 'arm',
  kernel_id: null,
}

/** Only the service sets them. */
const SERVER_FIELDS: Readonly<Record<string, unknown>> = {
  id: 'aaaaaaaa-bbbb-4ccc-8ddd-00000000000f',
  status: 'active',
  size: 1,
  virtual_size: 1,
  checksum: 'x',
  os_hash_algo: 'x',
  os_hash_value: 'x',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  direct_url: 'x',
  self: 'x',
  file: 'x',
  schema: 'x',
  location: 'x',
  deleted: true,
  deleted_at: 'x',
  os_glance_x: 'x',
}

const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  name: [null, '', 1, true, ['x'], {}, 'n'.repeat(256)],
  visibility: [null, '', 'secret', 'public', 'community', 1],
  protected: [null, 'true', 0],
  os_hidden: [null, 'false', 1],
  min_ram: [-1, 2147483648, '1', 1.5, null, true],
  min_disk: [-1, 2147483648, '1', null],
  tags: [null, 'x', ['a', 'a', 'b'], [], [1], [''], ['t'.repeat(256)], {}],
  disk_format: [null, 'x', '', 1],
  container_format: [null, 'x', ''],
  there: [null, 1, true, [], {}, '', 'v'.repeat(1000)],
  kernel_id: ['x', '', 1],
}

const BODIES: Readonly<Record<string, string>> = {
  nothing: '',
  'an empty list': '[]',
  'an object': '{}',
  'a text': '"x"',
  null: 'null',
  'no json': '[',
  'a list of lists': '[[]]',
  'a list of texts': '["x"]',
  'an empty operation': '[{}]',
  'no value': '[{"op":"add","path":"/x"}]',
  'no path': '[{"op":"add","value":"x"}]',
  'no verb': '[{"path":"/x","value":"x"}]',
  'a verb that is none': '[{"op":"test","path":"/name","value":"x"}]',
  move: '[{"op":"move","path":"/y","from":"/there"}]',
  copy: '[{"op":"copy","path":"/y","from":"/there"}]',
  'the other dialect': '[{"add":"/x","value":"y"}]',
  'two verbs': '[{"add":"/x","remove":"/there","value":"y"}]',
  'a path without slash': '[{"op":"add","path":"x","value":"y"}]',
  'a path that is a number': '[{"op":"add","path":1,"value":"y"}]',
  'an empty path': '[{"op":"add","path":"","value":"y"}]',
  'a slash alone': '[{"op":"add","path":"/","value":"y"}]',
  'two slashes': '[{"op":"add","path":"//x","value":"y"}]',
  'a slash at the end': '[{"op":"add","path":"/x/","value":"y"}]',
  'a deep path': '[{"op":"add","path":"/x/y","value":"z"}]',
  'a blank in the path': '[{"op":"add","path":"/x y","value":"z"}]',
  escapes: '[{"op":"add","path":"/a~1b~0c","value":"z"}]',
  'escapes in turn': '[{"op":"add","path":"/a~01","value":"z"}]',
  'a wrong escape': '[{"op":"add","path":"/a~2","value":"z"}]',
  'an escape alone': '[{"op":"add","path":"/a~","value":"z"}]',
  'the end of tags': '[{"op":"add","path":"/tags/-","value":"z"}]',
  'the first tag': '[{"op":"remove","path":"/tags/0"}]',
  'under a property': '[{"op":"replace","path":"/there/0","value":"z"}]',
  'under a field': '[{"op":"replace","path":"/name/0","value":"z"}]',
  'more members': '[{"op":"add","path":"/x","value":"y","more":1}]',
  'a long name': `[{"op":"add","path":"/${'p'.repeat(256)}","value":"y"}]`,
  'a verb in capitals': '[{"op":"ADD","path":"/x","value":"y"}]',
  'beyond ASCII': '[{"op":"add","path":"/ä","value":"€"}]',
}

const image = createRaw({ name: 'x', there: 'before', tags: ['a'] })

function dialect(type: string): Parameters<typeof cases>[1] {
  const serverFields = Object.entries(SERVER_FIELDS).flatMap(([name, value]) => [
    patch([operation(type, 'replace', `/${name}`, value)], { as: 'admin' }, type),
    patch([operation(type, 'add', `/${name}`, value)], {}, type),
    patch([operation(type, 'remove', `/${name}`)], {}, type),
  ])
  const targets = Object.entries(TARGETS).map(([name, value]): [string, Step[]] => {
    const one = (verb: Verb, as: 'owner' | 'admin' = 'owner') =>
      patch([operation(type, verb, `/${name}`, verb === 'remove' ? undefined : value)], { as }, type)
    const each = (['replace', 'add', 'add', 'remove', 'remove'] as const).map((verb) => one(verb))
    return [`target ${name}`, [image, ...each, one('replace', 'admin'), show()]]
  })
  const values = Object.entries(VALUES).map(([name, all]): [string, Step[]] => [
    `values of ${name}`,
    [image, ...all.map((value) => patch([operation(type, 'replace', `/${name}`, value)], {}, type))],
  ])
  return {
    'what only the service sets': [image, ...serverFields, show()],
    ...Object.fromEntries([...targets, ...values]),
  }
}

const bodies = Object.entries(BODIES).map(([name, body]): [string, Step[]] => {
  const send = (type: string) =>
    request('PATCH', '/v2/images/{id}', { headers: { 'content-type': type }, body })
  return [name, [image, send(PATCH_21), send(PATCH_20), show()]]
})

const TYPES = [
  'application/json-patch+json',
  'application/json',
  'application/openstack-images-v2.2-json-patch',
  'application/openstack-images-v2.1-json-patch; charset=utf-8',
  'APPLICATION/OpenStack-images-v2.1-json-patch',
  'application/openstack-images-v2-json-patch',
  '',
]

export default [
  ...cases('patch 2.1', dialect(PATCH_21)),
  ...cases('patch 2.0', dialect(PATCH_20)),
  ...cases('patch/body', Object.fromEntries(bodies)),
  ...cases(
    'patch/type',
    Object.fromEntries(TYPES.map((type) => [`'${type}'`, [image, patch([], {}, type)]])),
  ),
  ...cases('patch', {
    'without a type': [image, request('PATCH', '/v2/images/{id}', { body: '[]' })],
    'all or nothing': [
      image,
      patch([
        { op: 'replace', path: '/name', value: 'y' },
        { op: 'remove', path: '/absent' },
      ]),
      show(),
    ],
    'several in order': [
      image,
      patch([
        { op: 'add', path: '/x', value: '1' },
        { op: 'replace', path: '/x', value: '2' },
        { op: 'remove', path: '/there' },
        { op: 'add', path: '/there', value: '3' },
        { op: 'remove', path: '/x' },
      ]),
      show(),
    ],
    'of an image that is not': [
      request('PATCH', '/v2/images/x', { headers: { 'content-type': PATCH_21 }, body: '[]' }),
    ],
    'of an image that is hidden': [image, patch([], { as: 'other' })],
    'formats of an active image': [
      image,
      upload('abc'),
      patch([{ op: 'replace', path: '/disk_format', value: 'qcow2' }]),
      patch([{ op: 'replace', path: '/container_format', value: 'ova' }], { as: 'admin' }),
      patch([{ op: 'add', path: '/more', value: 'x' }]),
      show(),
    ],
    'the owner, by the admin': [
      image,
      patch([{ op: 'replace', path: '/owner', value: '{other}' }], { as: 'admin' }),
      show(),
      show({ as: 'other' }),
      patch([{ op: 'replace', path: '/owner', value: '' }], { as: 'admin' }),
      patch([{ op: 'replace', path: '/owner', value: null }], { as: 'admin' }),
    ],
    'visibility, by the admin': [
      image,
      ...['public', 'community', 'private', 'shared'].map((value) =>
        patch([{ op: 'replace', path: '/visibility', value }], { as: 'admin' }),
      ),
    ],
    'a field of the record by a name of its own': [
      create({ min_ram: 5 }),
      ...['hidden', 'is_public', 'properties', 'members', 'upload', 'data', '__proto__', 'constructor'].map(
        (name) => patch([{ op: 'add', path: `/${name}`, value: 'x' }]),
      ),
      show(),
    ],
  }),
]
