/** Requests of API v1, whose images are described by headers: in good form, with what nobody should write in them. */
import fc from 'fast-check'
import { parseSetting } from '../../../deploy/dev/node-config.ts'
import { DATA_TYPE, headerName, headerValue, nastyText } from './nasty-content.ts'
import { always, printable, share } from './nasty-requests.ts'
import type { NastyRequest } from './wire-form.ts'

/** Of the nodes that they are sent to. */
export const V1_SETTINGS = ['DEFAULT.enable_v1_api=true', 'glance_store.stores=cluster,http'].map(
  parseSetting,
)

const FIELDS = [
  ...['name', 'id', 'store', 'disk_format', 'container_format', 'size', 'checksum', 'is_public', 'protected'],
  ...['min_ram', 'min-disk', 'owner', 'status', 'deleted', 'created_at', 'updated-at', 'virtual_size', 'uri'],
  ...['location', 'copy_from', 'deleted_at', 'property-a', 'property-b-c', 'property-', 'property-%ff', 'x'],
  ...['property-os_glance_x', 'property-serac_replicas', 'property-kernel_id', 'property-__proto__'],
]
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...FIELDS).map((field) => `x-image-meta-${field}`) },
  { weight: 1, arbitrary: nastyText.map((text) => `x-image-meta-property-${text}`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('x-glance-api-copy-from', 'x-glance-registry-purge-props', 'content-type'),
  },
  { weight: 1, arbitrary: headerName },
)
const value = fc.oneof(
  headerValue,
  nastyText.map((text) => Buffer.from(text).toString('latin1')),
  nastyText.map((text) => encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/g, ''))),
  fc.constantFrom(
    '',
    'None',
    'True',
    'raw',
    'bare',
    'ami',
    'qcow2',
    '0',
    '3',
    '-1',
    '1_0',
    ' 7 ',
    '%',
    '%ff',
    '%00',
  ),
  fc.constantFrom(
    '%0d%0ax: y',
    'a%20b',
    'http://127.0.0.1/',
    'http://[::1',
    'file:///etc/passwd',
    'swift+config://x',
  ),
  fc.constantFrom('900150983cd24fb0d6963f7d28e17f72', 'd41d8cd98f00b204e9800998ecf8427e', 'active', 'queued'),
)
const header = fc.tuple(name, value).map(([field, text]) => printable(field, text))
/** What the API takes, so that the rest of a request is looked at, too. */
const plain = fc.subarray<[string, string]>([
  ['x-image-meta-disk-format', 'raw'],
  ['x-image-meta-container_format', 'bare'],
  ['x-image-meta-name', 'x'],
  ['x-image-meta-property-a', '%C3%BC'],
])
const image = fc
  .constantFrom(':active', ':queued', ':queued', '11111111-2222-4333-8444-555555555555', 'detail', '')
  .map((id) => `/v1/images/${id}`)
const listQuery = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        ...['limit', 'marker', 'sort_key', 'sort_dir', 'name', 'status', 'min_ram', 'size_min', 'size_max'],
        ...['is_public', 'protected', 'changes-since', 'property-a', 'property-', 'deleted', 'x'],
      ),
      fc.oneof(
        nastyText,
        fc.constantFrom('1', 'none', 'True', 'name', 'asc', '2000-01-01', ':active', 'in:a,b'),
      ),
    ),
    { maxLength: 4 },
  )
  .map((pairs) => new URLSearchParams(pairs).toString())
const memberBody = fc.oneof(
  fc.jsonValue().map((json) => JSON.stringify(json)),
  fc.jsonValue().map((json) => JSON.stringify({ member: { can_share: json } })),
  fc.jsonValue().map((json) => JSON.stringify({ memberships: [json, { member_id: json, can_share: json }] })),
  fc.constantFrom(
    '{"member":{"can_share":true}}',
    '{"memberships":[]}',
    '{"memberships":[{"member_id":"p"}]}',
  ),
)

interface V1Call {
  method: string
  target: string
  body: string
}

const call: fc.Arbitrary<V1Call> = fc.oneof(
  { weight: 4, arbitrary: callOf(['POST'], fc.constant('/v1/images'), dataOrNone()) },
  { weight: 4, arbitrary: callOf(['PUT'], image, dataOrNone()) },
  { weight: 2, arbitrary: callOf(['HEAD', 'GET', 'DELETE', 'PATCH'], image, fc.constant('')) },
  {
    weight: 2,
    arbitrary: callOf(
      ['GET'],
      fc
        .tuple(fc.constantFrom('/v1/images', '/v1/images/detail', '/v1/'), listQuery)
        .map((both) => both.join('?')),
      fc.constant(''),
    ),
  },
  {
    weight: 2,
    arbitrary: callOf(
      ['PUT', 'GET', 'DELETE'],
      fc.tuple(image, fc.constantFrom('/members', '/members/p', '/members/')).map((both) => both.join('')),
      memberBody,
    ),
  },
  {
    weight: 1,
    arbitrary: callOf(
      ['GET'],
      nastyText.map(
        (text) => `/v1/shared-images/${encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/g, ''))}`,
      ),
      fc.constant(''),
    ),
  },
)

export const nastyV1Request: fc.Arbitrary<NastyRequest> = fc
  .record({
    call,
    plain,
    headers: fc.array(header, { maxLength: 3 }),
    isChunked: fc.boolean(),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: share() }),
  })
  .map(({ call: { method, target, body }, plain: known, headers, isChunked, cut }) => ({
    method,
    target,
    version: 'HTTP/1.1',
    headers: [...always(DATA_TYPE), ...known, ...headers],
    body: Buffer.from(body),
    framing:
      body === ''
        ? { kind: 'none' }
        : isChunked
          ? { kind: 'chunked', sizes: [2], extension: '', end: '0\r\n\r\n' }
          : { kind: 'length', offBy: 0 },
    mutations: [],
    sent: 1,
    cut,
    isWhole: true,
  }))

function callOf(
  methods: string[],
  where: fc.Arbitrary<string>,
  content: fc.Arbitrary<string>,
): fc.Arbitrary<V1Call> {
  return fc
    .tuple(fc.constantFrom(...methods), where, content)
    .map(([method, target, body]) => ({ method, target, body }))
}

function dataOrNone(): fc.Arbitrary<string> {
  return fc.constantFrom('', '', 'abc', 'abcd')
}
