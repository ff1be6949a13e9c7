/** What requests are made of, as nobody should write it. */
import { toUSVString } from 'node:util'
import fc from 'fast-check'

const latin1 = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
})
export const anyByte = fc.string({
  unit: fc.nat(0xff).map((code) => String.fromCharCode(code)),
  maxLength: 20,
})
const unicode = fc.string({ unit: 'binary', maxLength: 30 })
const huge = fc.constantFrom('9'.repeat(20), '9'.repeat(400), '-1', '1e999', '0x10', 'NaN', '')
const oversized = fc.integer({ min: 200, max: 9000 }).map((length) => 'x'.repeat(length))

export const nastyText = fc.oneof(
  unicode,
  huge,
  oversized,
  fc.constantFrom(
    '\0',
    '%00',
    '%ff%fe',
    '%',
    '..',
    '../../etc/passwd',
    '..%2f..%2f',
    '\ud800',
    '\u202e',
    '__proto__',
    'constructor',
    "' OR 1=1--",
    '${x}',
    '\r\nX-Injected: 1',
    'in:"a',
    'in:,,,"\\',
    'gte:2026-13-45',
    'lt:0000-01-01T00:00:00-23:59',
    'eq:9999-12-31T23:59:59+23:59',
  ),
)

export const method = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'get', 'G\0T', ''),
  },
)

const imagePath = fc
  .tuple(
    fc.constantFrom(':active', ':queued', '11111111-2222-4333-8444-555555555555', 'x', ''),
    fc.constantFrom(
      '',
      '/file',
      '/members',
      '/members/p',
      '/tags/t',
      '/actions/deactivate',
      '/actions/reactivate',
      '/locations',
      '/stage',
      '/',
    ),
  )
  .map(([id, rest]) => `/v2/images/${id}${rest}`)
/** The two that are there, and one that is not. */
export const image = fc
  .constantFrom(':active', ':queued', ':active', ':queued', 'x')
  .map((id) => `/v2/images/${id}`)
const fixedPath = fc.constantFrom(
  '/v2/images',
  '/v2/images',
  '/v2/schemas/image',
  '/v2/schemas/members',
  '/v2/info/usage',
  '/v2.7/images',
  '/v2',
  '/',
  '/versions',
  '/healthcheck',
  '/ready',
  '*',
  'http://elsewhere.example/v2/images',
  '//v2//images',
  '/v2/./images/../images',
)
const hostilePath = fc.oneof(
  nastyText.map((text) => `/v2/images/${encodeURI(toUSVString(text))}`),
  anyByte.map((text) => `/v2/images/${text}`),
  fc
    .tuple(fc.constantFrom('members', 'tags', 'actions'), nastyText)
    .map(([kind, text]) => `/v2/images/:active/${kind}/${encodeURIComponent(toUSVString(text))}`),
  anyByte,
)
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      ...['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'name', 'id', 'status', 'tag', 'visibility'],
      ...['member_status', 'os_hidden', 'protected', 'created_at', 'updated_at', 'size_min', 'size_max'],
      ...['size', 'owner', 'checksum', 'container_format', 'changes-since', 'min_ram_min', 'locations_max'],
    ),
    nastyText,
  ),
  fc.oneof(nastyText, fc.constantFrom('1', 'name:asc', 'in:a,b', 'true', ':active')),
)
export const query = fc
  .array(parameter, { maxLength: 4 })
  .map((pairs) =>
    new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value])).toString(),
  )
export const target = fc.oneof(
  { weight: 5, arbitrary: imagePath },
  { weight: 3, arbitrary: fixedPath },
  { weight: 2, arbitrary: hostilePath },
  { weight: 3, arbitrary: query.map((text) => `/v2/images?${text}`) },
  { weight: 1, arbitrary: anyByte.map((text) => `/v2/images?${text}`) },
)

export const DATA_TYPE = 'application/octet-stream'
export const PATCH_TYPES = ['2.0', '2.1'].map(
  (version) => `application/openstack-images-v${version}-json-patch`,
)
export const contentType = fc.constantFrom(DATA_TYPE, 'application/json', ...PATCH_TYPES)
export const headerName = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...['accept', 'accept-encoding', 'authorization', 'connection', 'content-encoding', 'content-range'],
      ...['content-type', 'cookie', 'expect', 'forwarded', 'host', 'if-match', 'if-none-match', 'keep-alive'],
      ...[
        'origin',
        'access-control-request-method',
        'range',
        'te',
        'trailer',
        'transfer-encoding',
        'upgrade',
      ],
      ...['x-auth-token', 'x-service-token', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-prefix'],
      ...['x-http-method-override', 'x-image-meta-store', 'x-openstack-image-size', 'x-openstack-request-id'],
      ...[
        'x-identity-status',
        'x-roles',
        'x-project-id',
        'content-length',
        'http2-settings',
        'accept-version',
      ],
    ),
  },
  { weight: 1, arbitrary: anyByte },
)
export const headerValue = fc.oneof(
  latin1,
  anyByte,
  huge,
  oversized,
  fc.constantFrom(
    ...['bytes=0-1', 'bytes=-0', 'bytes=1-0', 'bytes=0-0,2-2', 'bytes=99999999999999999999-', 'bytes 0-5/*'],
    ...[
      'bytes 9-2/1',
      '*/*',
      'application/json;q=9',
      'application/vnd.openstack.images-v2.5',
      'text/html;q=x',
    ],
    ...['100-continue', 'close, keep-alive', 'upgrade', 'h2c', 'websocket', 'gzip', 'chunked', 'identity'],
    ...[
      'chunked, chunked',
      'gzip, chunked',
      'x\r\n folded',
      'DELETE',
      'http://a.example',
      'null',
      'a.example:x',
    ],
  ),
)
export const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 5 })

const nastyValue = fc.oneof(
  fc.jsonValue(),
  nastyText,
  fc.constantFrom<unknown>(null, [], {}, '', -1, 2 ** 31, 2 ** 53, 1e300, true, ['a', 1], [['a']], {
    a: { b: 1 },
  }),
  fc.integer({ min: 1, max: 600 }).map((length) => Array.from({ length }, (_, index) => `t${index}`)),
)
const fieldName = fc.oneof(
  fc.constantFrom(
    ...['id', 'name', 'status', 'visibility', 'protected', 'os_hidden', 'owner', 'size', 'checksum', 'tags'],
    ...['container_format', 'disk_format', 'min_disk', 'min_ram', 'locations', 'stores', 'self', 'deleted'],
    ...['os_glance_x', 'kernel_id', 'cinder_encryption_key_deletion_policy', 'serac_replicas', '__proto__'],
    ...['constructor', 'toString', 'member', 'a', 'x'],
  ),
  nastyText,
)
/** What the API takes, so that the rest of a request is looked at, too. */
const plainField = fc.constantFrom<[string, unknown]>(
  ['name', 'x'],
  ['tags', ['a', 'b']],
  ['min_ram', 1],
  ['visibility', 'public'],
  ['protected', false],
  ['os_hidden', true],
  ['disk_format', 'raw'],
  ['container_format', 'bare'],
  ['a', 'b'],
)
const field = fc.oneof(
  { weight: 3, arbitrary: plainField },
  { weight: 1, arbitrary: fc.tuple(fieldName, nastyValue) },
)
export const imageFields = fc
  .array(field, { maxLength: 4 })
  .map(
    (fields) =>
      `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`,
  )
const pointer = fc.oneof(
  fieldName.map((name) => `/${name}`),
  fc.constantFrom(
    '',
    '/',
    '//',
    '/a/',
    '/~',
    '/~2',
    '/~1~0',
    '/tags/-',
    '/locations/-',
    '/locations/9',
    'name',
    '/-',
  ),
)
const verb = fc.constantFrom<unknown>('add', 'replace', 'remove', 'test', 'move', '', null, 1)
const plainOperation = plainField.map(([name, value]) => ({
  op: 'add',
  path: `/${name}`,
  value,
  add: `/${name}`,
}))
const operation = fc.oneof(
  plainOperation,
  fc.record({ op: verb, path: fc.oneof(pointer, nastyValue), value: nastyValue }, { requiredKeys: [] }),
  fc.tuple(verb, pointer, nastyValue).map(([name, path, value]) => ({ [String(name)]: path, value })),
)
/** Nothing that is fetched: names lead nowhere here, and these addresses are nobody's business. */
const locationUrl = fc.constantFrom(
  ...['http://127.0.0.1/x', 'https://[::1]/', 'http://169.254.169.254/', 'http://2130706433/', 'http://0/x'],
  ...[
    'http://u:p@127.0.0.1:9/',
    'file:///etc/passwd',
    'serac://x',
    'swift+config://x',
    'http://',
    'HTTP://0x7f.1/',
  ],
)
const validation = fc.constantFrom<unknown>(
  {},
  { os_hash_algo: 'sha512', os_hash_value: '0'.repeat(128) },
  { checksum: '0'.repeat(32), os_hash_algo: 'sha512', os_hash_value: '0'.repeat(128) },
  { os_hash_algo: 'sha512', os_hash_value: 'z' },
  { os_hash_algo: 'x' },
)
const location = fc.record(
  {
    url: fc.oneof({ weight: 3, arbitrary: locationUrl }, { weight: 1, arbitrary: nastyValue }),
    metadata: fc.oneof(fc.constantFrom<unknown>({}, { a: 'b' }), nastyValue),
    validation_data: fc.oneof(validation, nastyValue),
  },
  { requiredKeys: ['url'] },
)
export const locationBody = location.map((value) => JSON.stringify(value))
const locationOperation = fc
  .record({
    op: fc.constantFrom('add', 'replace', 'remove'),
    path: fc.constantFrom(
      '/locations/-',
      '/locations',
      '/locations/0',
      '/locations/9999999999',
      '/locations/0/url',
    ),
    value: fc.oneof(location, fc.array(location, { maxLength: 3 })),
  })
  .map(({ op, path, value }) => ({ op, path, value, [op]: path }))
const anyOperation = fc.oneof(
  { weight: 4, arbitrary: operation },
  { weight: 1, arbitrary: locationOperation },
)
export const patch = fc.array(anyOperation, { maxLength: 3 }).map((operations) => JSON.stringify(operations))
const brokenJson = fc.oneof(
  fc.constantFrom(
    '',
    '{',
    '[',
    'nul',
    '{"a":1}}',
    '{"a":"\\ud800"}',
    '\ufeff{}',
    '{"a":1,"a":2}',
    '"',
    '[1,]',
  ),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => '['.repeat(depth)),
  fc.integer({ min: 1, max: 5000 }).map((depth) => `{"a":${nested(depth)}}`),
  fc
    .integer({ min: 1, max: 20_000 })
    .map(
      (depth) => `[{"op":"add","path":"/locations/-","value":{"url":"x","metadata":{"a":${nested(depth)}}}}]`,
    ),
)
function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth)
}
export const memberBody = fc
  .record({ member: nastyValue, status: nastyValue }, { requiredKeys: [] })
  .map((one) => JSON.stringify(one))

const definition = fc.record(
  {
    name: fc.oneof(fc.constantFrom('p', 'q'), nastyText),
    title: fc.oneof(fc.constant('t'), nastyValue),
    type: fc.oneof(fc.constantFrom('string', 'array', 'integer', 'object'), nastyValue),
    default: nastyValue,
    enum: nastyValue,
    items: fc.oneof(fc.constantFrom<unknown>({ type: 'string' }), nastyValue),
    required: nastyValue,
    pattern: fc.oneof(fc.constantFrom('(', '(a+)+$', '^a$'), nastyText),
    minimum: nastyValue,
    properties: fc.oneof(fc.constantFrom<unknown>({ p: { title: 't', type: 'string' } }), nastyValue),
  },
  { requiredKeys: ['name', 'title', 'type'] },
)
const namespace = fc.record(
  {
    namespace: fc.oneof(fc.constantFrom('one', 'two'), nastyValue),
    visibility: fc.oneof(fc.constantFrom('public', 'private'), nastyValue),
    protected: nastyValue,
    owner: nastyValue,
    properties: fc.oneof(
      definition.map((value) => ({ p: value })),
      nastyValue,
    ),
    objects: fc.oneof(fc.array(definition, { maxLength: 2 }), nastyValue),
    tags: fc.oneof(fc.array(fc.record({ name: nastyValue }), { maxLength: 3 }), nastyValue),
    resource_type_associations: fc.oneof(
      fc.array(fc.record({ name: nastyText, prefix: nastyValue }), { maxLength: 2 }),
      nastyValue,
    ),
  },
  { requiredKeys: ['namespace'] },
)
export const definitionBody = fc
  .oneof(
    definition,
    namespace,
    fc.record({ tags: fc.array(fc.record({ name: nastyText }), { maxLength: 3 }) }),
  )
  .map((value) => JSON.stringify(value))
const namespaces = '/v2/metadefs/namespaces'
export const definitionPath = fc.oneof(
  { weight: 3, arbitrary: fc.constant(namespaces) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.oneof(fc.constantFrom('one', 'two'), nastyText),
        fc.constantFrom(
          '',
          '/properties',
          '/objects',
          '/tags',
          '/resource_types',
          '/properties/p',
          '/objects/p',
          '/tags/t',
        ),
      )
      .map(([name, rest]) => `${namespaces}/${encodeURIComponent(toUSVString(name))}${rest}`),
  },
  { weight: 1, arbitrary: fc.constant('/v2/metadefs/resource_types') },
  { weight: 2, arbitrary: query.map((text) => `${namespaces}?${text}`) },
)

export const body = fc.oneof(
  { weight: 2, arbitrary: fc.constant('') },
  { weight: 4, arbitrary: imageFields },
  { weight: 4, arbitrary: patch },
  { weight: 1, arbitrary: memberBody },
  { weight: 1, arbitrary: brokenJson },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
)
export const bodyBytes = fc.oneof(
  { weight: 4, arbitrary: body.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
)
