/** Metadata definitions: their life, what is refused, and who may do what. Namespaces are global: each case has its own. */
import { type Case, cases, get, json, request, type Step, type Who } from '../case.ts'

const SPACES = '/v2/metadefs/namespaces'
/** The namespace of a case; projects of cases are their own, and so is this. */
const NS = '{owner}'
const PATH = `${SPACES}/${NS}`

type Options = Partial<Omit<Step, 'method' | 'path'>>

const post = (path: string, value: unknown, options: Options = {}) =>
  request('POST', path, { as: 'admin', ...json(value), ...options })
const put = (path: string, value: unknown, options: Options = {}) =>
  request('PUT', path, { as: 'admin', ...json(value), ...options })
const drop = (path: string, options: Options = {}) => request('DELETE', path, { as: 'admin', ...options })
const look = (path: string = PATH, options: Options = {}) => get(path, { as: 'admin', ...options })
const make = (fields: object = {}, options: Options = {}) =>
  post(SPACES, { namespace: NS, ...fields }, options)
/** Other cases list all there is. */
const end = [put(PATH, { namespace: NS }), drop(PATH)]

const size = { title: 'Size', type: 'integer', minimum: 1, maximum: 9, default: 4 }
const colour = {
  title: 'Colour',
  description: 'of it',
  type: 'string',
  enum: ['red', 'blue'],
  operators: ['<in>'],
  readonly: false,
}
const list = {
  title: 'List',
  type: 'array',
  items: { type: 'string', enum: ['a'] },
  uniqueItems: true,
  minItems: 1,
  maxItems: 3,
}
const WHOLE = {
  display_name: 'Whole',
  description: 'all of it',
  visibility: 'public',
  protected: false,
  owner: '{owner}',
  properties: { size, colour, list },
  objects: [
    { name: 'one', description: 'first', required: ['size'], properties: { size } },
    { name: 'two', properties: {} },
  ],
  tags: [{ name: 'red' }, { name: 'blue' }],
  resource_type_associations: [
    { name: 'OS::Nova::Flavor', prefix: 'hw:' },
    { name: 'OS::Glance::Image', prefix: 'hw_', properties_target: 'image' },
    { name: 'Bare' },
  ],
}

const CREATIONS: Readonly<Record<string, unknown>> = {
  nothing: {},
  'a list': [],
  'a text': 'x',
  null: null,
  'a name that is no text': { namespace: 1 },
  'a name that is too long': { namespace: 'n'.repeat(81) },
  'a description that is too long': { namespace: NS, description: 'd'.repeat(501) },
  'a display name that is too long': { namespace: NS, display_name: 'd'.repeat(81) },
  'an owner that is too long': { namespace: NS, owner: 'o'.repeat(256) },
  'an unknown attribute': { namespace: NS, x: 1 },
  'an unknown visibility': { namespace: NS, visibility: 'shared' },
  'protected as text': { namespace: NS, protected: 'true' },
  'a null description': { namespace: NS, description: null },
  ...Object.fromEntries(
    ['self', 'schema', 'created_at', 'updated_at'].map((name) => [name, { namespace: NS, [name]: 'x' }]),
  ),
  'a property without title': { namespace: NS, properties: { a: { type: 'string' } } },
  'a property of unknown type': { namespace: NS, properties: { a: { title: 'a', type: 'x' } } },
  'a property with an unknown attribute': { namespace: NS, properties: { a: { ...size, x: 1 } } },
  'a property with required': { namespace: NS, properties: { a: { ...size, required: ['x'] } } },
  'a property with items without type': { namespace: NS, properties: { a: { ...list, items: {} } } },
  'a property with numbers as choices': { namespace: NS, properties: { a: { ...size, enum: [1] } } },
  'a property with a negative length': { namespace: NS, properties: { a: { ...colour, maxLength: -1 } } },
  'properties as a list': { namespace: NS, properties: [] },
  'an object without name': { namespace: NS, objects: [{ description: 'x' }] },
  'an object with an unknown attribute': { namespace: NS, objects: [{ name: 'a', x: 1 }] },
  'an object that requires twice': { namespace: NS, objects: [{ name: 'a', required: ['x', 'x'] }] },
  'two objects of one name': { namespace: NS, objects: [{ name: 'a' }, { name: 'a' }] },
  'two tags of one name': { namespace: NS, tags: [{ name: 'a' }, { name: 'a' }] },
  'two associations with one type': {
    namespace: NS,
    resource_type_associations: [{ name: 'a' }, { name: 'a' }],
  },
  'a tag without name': { namespace: NS, tags: [{}] },
  'a tag that is a text': { namespace: NS, tags: ['a'] },
  'nothing inside': { namespace: NS, properties: {}, objects: [], tags: [], resource_type_associations: [] },
  'an object with nothing required': { namespace: NS, objects: [{ name: 'a', required: [] }] },
  confidential: { namespace: NS, properties: { a: { ...colour, confidential: true } } },
}
const creations = Object.entries(CREATIONS).map(([name, body]): [string, Step[]] => [
  `create/${name}`,
  [post(SPACES, body), look(), ...end],
])

const DEFAULTS: readonly unknown[] = ['x', '', 5, 0.5, true, false, null, [], {}, -1]
const defaults = DEFAULTS.map((value): [string, Step[]] => [
  `default/${JSON.stringify(value)}`,
  [make({ properties: { a: { ...colour, default: value } } }), look(`${PATH}/properties/a`), ...end],
])

const PROPERTY_BODIES: Readonly<Record<string, unknown>> = {
  whole: { name: 'p', ...list },
  'without name': size,
  'without type': { name: 'p', title: 'x' },
  'with a long name': { ...size, name: 'p'.repeat(81) },
  'with an unknown attribute': { ...size, name: 'p', x: 1 },
  confidential: { ...size, name: 'p', confidential: true },
  'created before': { ...size, name: 'p', created_at: 'x' },
  'with a fraction as length': { ...colour, name: 'p', maxLength: 1.5 },
  'a list': [],
}
const propertyBodies = Object.entries(PROPERTY_BODIES).map(([name, body]): [string, Step[]] => [
  `property/${name}`,
  [make(), post(`${PATH}/properties`, body), look(`${PATH}/properties`), ...end],
])

const OBJECT_BODIES: Readonly<Record<string, unknown>> = {
  'the name alone': { name: 'o' },
  whole: { name: 'o', description: 'x', required: ['a'], properties: { a: size } },
  'with nothing in it': { name: 'o', required: [], properties: {} },
  'without name': { description: 'x' },
  'with a long name': { name: 'o'.repeat(81) },
  'with an unknown attribute': { name: 'o', x: 1 },
  'with itself': { name: 'o', self: 'x' },
  'with a property without type': { name: 'o', properties: { a: { title: 'x' } } },
  'with an unknown attribute of a property': { name: 'o', properties: { a: { ...size, x: 1 } } },
}
const objectBodies = Object.entries(OBJECT_BODIES).map(([name, body]): [string, Step[]] => [
  `object/${name}`,
  [
    make({ objects: [{ name: 'old', description: 'old' }] }),
    post(`${PATH}/objects`, body),
    put(`${PATH}/objects/old`, body),
    look(`${PATH}/objects`),
    ...end,
  ],
])

const TAG_BODIES: Readonly<Record<string, unknown>> = {
  two: { tags: [{ name: 'a' }, { name: 'b' }] },
  none: { tags: [] },
  nothing: {},
  twice: { tags: [{ name: 'a' }, { name: 'a' }] },
  'without name': { tags: [{}] },
  'with more': { tags: [{ name: 'a', x: 1 }] },
  'with more beside': { tags: [{ name: 'a' }], x: 1 },
  texts: { tags: ['a'] },
  'one that is there': { tags: [{ name: 'old' }] },
}
const tagBodies = Object.entries(TAG_BODIES).flatMap(([name, body]): [string, Step[]][] =>
  ['true', 'false'].map((append) => [
    `tags/${name}, append ${append}`,
    [
      make({ tags: [{ name: 'old' }] }),
      post(`${PATH}/tags`, body, { headers: { 'x-openstack-append': append } }),
      look(`${PATH}/tags`),
      ...end,
    ],
  ]),
)

/** Of a list of namespaces: by a resource type that no other case has. */
const ONLY = 'resource_types={owner}'
const QUERIES = [
  '',
  '&limit=2',
  '&limit=0',
  '&limit=-1',
  '&limit=x',
  '&limit=1000000',
  '&sort_key=namespace&sort_dir=asc',
  '&sort_key=namespace&sort_dir=desc',
  '&sort_key=display_name&sort_dir=asc',
  '&sort_key=protected&sort_dir=asc',
  '&sort_key=id&sort_dir=asc',
  '&sort_key=created_at&sort_dir=asc',
  '&sort_key=x',
  '&sort_dir=x',
  '&visibility=public',
  '&visibility=private',
  '&visibility=x',
  '&visibility=',
  '&marker={owner}-b',
  '&marker={owner}-b&sort_key=namespace&sort_dir=asc&limit=1',
  '&marker=nothing',
  '&marker=',
  '&x=y',
]
const type = [{ name: '{owner}', prefix: 'x' }]
const MEMBERS = [
  { namespace: '{owner}-a', display_name: 'C', visibility: 'public', resource_type_associations: type },
  { namespace: '{owner}-b', display_name: 'B', protected: true, resource_type_associations: type },
  { namespace: '{owner}-c', visibility: 'public', resource_type_associations: [...type, { name: 'X' }] },
  { namespace: '{owner}-d', display_name: 'A', resource_type_associations: type, owner: '{other}' },
]
const lists: [string, Step[]][] = [
  [
    'list/as the queries say',
    [
      ...MEMBERS.map((member) => post(SPACES, member)),
      ...QUERIES.map((query) => look(`${SPACES}?${ONLY}${query}`)),
      look(`${SPACES}?${ONLY}&limit=1&sort_key=namespace&sort_dir=asc`, { walk: true }),
      look(`${SPACES}?resource_types={owner},Nothing`),
      ...(['other', 'third', 'reader', 'service', 'roleless'] as const).map((as) =>
        look(`${SPACES}?${ONLY}`, { as }),
      ),
      put(`${SPACES}/{owner}-b`, { namespace: '{owner}-b' }),
      ...MEMBERS.map(({ namespace }) => drop(`${SPACES}/${namespace}`)),
      look(`${SPACES}?${ONLY}`),
    ],
  ],
]

const everybody: Who[] = ['owner', 'reader', 'other', 'service', 'roleless', 'projectless', 'admin']
const rights = everybody.flatMap((as): [string, Step[]][] =>
  ['public', 'private'].map((visibility) => [
    `rights/${as} with what is ${visibility}`,
    [
      make({ ...WHOLE, visibility }),
      look(PATH, { as }),
      ...['properties', 'objects', 'tags', 'resource_types'].map((kind) => look(`${PATH}/${kind}`, { as })),
      look(`${PATH}/properties/size`, { as }),
      look(`${PATH}/properties/hw:size?resource_type=OS::Nova::Flavor`, { as }),
      look(`${PATH}/objects/one`, { as }),
      look(`${PATH}/tags/red`, { as }),
      put(PATH, { namespace: NS, visibility, owner: '{owner}' }, { as }),
      post(`${PATH}/properties`, { name: 'p', ...size }, { as }),
      put(`${PATH}/properties/size`, { name: 'size', ...size }, { as }),
      post(`${PATH}/objects`, { name: 'o' }, { as }),
      put(`${PATH}/objects/one`, { name: 'one' }, { as }),
      request('POST', `${PATH}/tags/t`, { as }),
      put(`${PATH}/tags/red`, { name: 'redder' }, { as }),
      post(`${PATH}/tags`, { tags: [{ name: 'x' }] }, { as }),
      post(`${PATH}/resource_types`, { name: 'Other' }, { as }),
      ...['properties/size', 'objects/one', 'tags/x', 'resource_types/Bare'].map((part) =>
        drop(`${PATH}/${part}`, { as }),
      ),
      ...['properties', 'objects', 'tags'].map((kind) => drop(`${PATH}/${kind}`, { as })),
      drop(PATH, { as }),
      look(),
      ...end,
    ],
  ]),
)

const SCHEMAS = ['namespace', 'object', 'property', 'tag', 'resource_type'].flatMap((name) => [
  name,
  name === 'property' ? 'properties' : `${name}s`,
])

export default cases('metadefs', {
  'a life': [
    make(WHOLE),
    look(),
    look(`${PATH}?resource_type=OS::Nova::Flavor`),
    look(`${PATH}?resource_type=Bare`),
    look(`${PATH}?resource_type=Unknown`),
    make(WHOLE),
    put(PATH, { namespace: NS, display_name: 'Other', protected: true }),
    look(),
    drop(PATH),
    ...['properties', 'objects', 'tags'].map((kind) => drop(`${PATH}/${kind}`)),
    ...['properties/size', 'objects/one', 'tags/red', 'resource_types/Bare', 'tags/none'].map((part) =>
      drop(`${PATH}/${part}`),
    ),
    post(`${PATH}/objects`, { name: 'three' }),
    put(PATH, { namespace: NS }),
    look(),
    ...['properties', 'objects', 'tags'].map((kind) => drop(`${PATH}/${kind}`)),
    look(),
    drop(PATH),
    drop(PATH),
    look(),
  ],
  rename: [
    make(WHOLE),
    post(SPACES, { namespace: '{other}' }),
    put(PATH, { namespace: '{other}' }),
    put(PATH, { namespace: '{third}', owner: '{owner}' }),
    look(),
    look(`${SPACES}/{third}`),
    make(),
    put(`${SPACES}/{third}`, { namespace: NS }),
    drop(PATH),
    put(`${SPACES}/{third}`, { namespace: NS }),
    look(),
    drop(`${SPACES}/{other}`),
    ...end,
  ],
  properties: [
    make(),
    look(`${PATH}/properties`),
    post(`${PATH}/properties`, { name: 'a', ...size }),
    post(`${PATH}/properties`, { name: 'a', ...size }),
    post(`${PATH}/properties`, { name: 'b', ...colour }),
    look(`${PATH}/properties/a`),
    put(`${PATH}/properties/a`, { name: 'b', ...size }),
    put(`${PATH}/properties/a`, { name: 'c', ...list }),
    put(`${PATH}/properties/a`, { name: 'c', ...list }),
    look(`${PATH}/properties`),
    look(`${PATH}/properties/a`),
    look(),
    drop(`${PATH}/properties/c`),
    drop(`${PATH}/properties/c`),
    drop(`${PATH}/properties`),
    look(`${PATH}/properties`),
    ...end,
  ],
  'properties as resources call them': [
    make(WHOLE),
    look(`${PATH}/properties/hw:size?resource_type=OS::Nova::Flavor`),
    look(`${PATH}/properties/size?resource_type=OS::Nova::Flavor`),
    look(`${PATH}/properties/hw:x?resource_type=OS::Nova::Flavor`),
    look(`${PATH}/properties/size?resource_type=Bare`),
    look(`${PATH}/properties/size?resource_type=Unknown`),
    look(`${PATH}/properties/size?resource_type=`),
    ...end,
  ],
  objects: [
    make(),
    look(`${PATH}/objects`),
    post(`${PATH}/objects`, { name: 'a', properties: { size } }),
    post(`${PATH}/objects`, { name: 'a' }),
    post(`${PATH}/objects`, { name: 'b', description: 'x' }),
    look(`${PATH}/objects/a`),
    look(`${PATH}/objects/b`),
    put(`${PATH}/objects/a`, { name: 'b' }),
    put(`${PATH}/objects/a`, { name: 'c', description: 'y', required: ['list'], properties: { list } }),
    look(`${PATH}/objects/a`),
    look(`${PATH}/objects`),
    ...[
      'limit=1',
      'limit=0',
      'limit=x',
      'sort_dir=x',
      'sort_key=x',
      'visibility=shared',
      'visibility=x',
      'marker=x',
    ].map((query) => look(`${PATH}/objects?${query}`)),
    drop(`${PATH}/objects/c`),
    drop(`${PATH}/objects/c`),
    drop(`${PATH}/objects`),
    look(`${PATH}/objects`),
    ...end,
  ],
  tags: [
    make(),
    look(`${PATH}/tags`),
    ...['a', 'b', 'c', 'a'].map((tag) => request('POST', `${PATH}/tags/${tag}`, { as: 'admin' })),
    request('POST', `${PATH}/tags/${'t'.repeat(81)}`, { as: 'admin' }),
    look(`${PATH}/tags/a`),
    look(`${PATH}/tags/none`),
    put(`${PATH}/tags/a`, { name: 'b' }),
    put(`${PATH}/tags/a`, { name: 'd' }),
    put(`${PATH}/tags/a`, { name: 'd' }),
    put(`${PATH}/tags/d`, {}),
    look(`${PATH}/tags`),
    ...[
      'limit=2',
      'limit=2&marker=c',
      'limit=0',
      'limit=',
      'limit=-1',
      'limit=x',
      'sort_key=name',
      'sort_key=name&sort_dir=asc',
      'sort_key=x',
      'sort_dir=x',
      'marker=none',
      'visibility=x',
    ].map((query) => look(`${PATH}/tags?${query}`)),
    drop(`${PATH}/tags/d`),
    drop(`${PATH}/tags/d`),
    drop(`${PATH}/tags`),
    look(`${PATH}/tags`),
    ...end,
  ],
  'tags in capitals': [
    make({ tags: [{ name: 'red' }] }),
    request('POST', `${PATH}/tags/RED`, { as: 'admin' }),
    look(`${PATH}/tags/Red`),
    ...end,
  ],
  'resource types': [
    make(),
    look(`${PATH}/resource_types`),
    post(`${PATH}/resource_types`, { name: '{owner}', prefix: 'x:', properties_target: 'y' }),
    post(`${PATH}/resource_types`, { name: '{owner}' }),
    post(`${PATH}/resource_types`, { name: 'Bare' }),
    look(`${PATH}/resource_types`),
    ...[
      {},
      { name: 'n'.repeat(81) },
      { name: 'x', y: 1 },
      { name: 'x', created_at: 'y' },
      { name: 'x', prefix: null },
    ].map((body) => post(`${PATH}/resource_types`, body)),
    drop(`${PATH}/resource_types/Bare`),
    drop(`${PATH}/resource_types/Bare`),
    look(`${PATH}/resource_types`),
    ...end,
  ],
  'all resource types': [
    look('/v2/metadefs/resource_types'),
    look('/v2/metadefs/resource_types', { as: 'reader' }),
    look('/v2/metadefs/resource_types', { as: 'roleless' }),
  ],
  'of no namespace': [
    look(`${SPACES}/none`),
    put(`${SPACES}/none`, { namespace: 'none' }),
    ...['properties', 'objects', 'tags', 'resource_types'].flatMap((kind) => [
      look(`${SPACES}/none/${kind}`),
      look(`${SPACES}/none/${kind}/x`),
      drop(`${SPACES}/none/${kind}/x`),
    ]),
    post(`${SPACES}/none/properties`, { name: 'p', ...size }),
    post(`${SPACES}/none/objects`, { name: 'o' }),
    post(`${SPACES}/none/resource_types`, { name: 'x' }),
    request('POST', `${SPACES}/none/tags/x`, { as: 'admin' }),
  ],
  methods: [
    ...['POST', 'PATCH', 'HEAD', 'OPTIONS'].map((method) => request(method, PATH, { as: 'admin' })),
    ...['PUT', 'DELETE'].map((method) => request(method, SPACES, { as: 'admin' })),
    ...['properties', 'objects', 'tags', 'resource_types'].flatMap((kind) => [
      request('PUT', `${PATH}/${kind}`, { as: 'admin' }),
      request('PATCH', `${PATH}/${kind}/x`, { as: 'admin' }),
    ]),
    request('POST', '/v2/metadefs/resource_types', { as: 'admin' }),
    look('/v2/metadefs'),
    look(`${SPACES}/`),
    request('POST', SPACES, { as: 'admin' }),
    request('POST', SPACES, { as: 'admin', body: '{' }),
    make({}, { as: 'nobody' }),
    make({}, { as: 'owner' }),
    make({ tags: [{ name: 'x' }] }, { as: 'roleless' }),
  ],
  ...Object.fromEntries([
    ...creations,
    ...defaults,
    ...propertyBodies,
    ...objectBodies,
    ...tagBodies,
    ...lists,
    ...rights,
    ...SCHEMAS.map((name): [string, Step[]] => [`schema/${name}`, [get(`/v2/schemas/metadefs/${name}`)]]),
  ]),
}) satisfies Case[]
