import fc from 'fast-check'
import t from 'tap'
import { HttpError } from '../../../api/errors.ts'
import { userFieldRules } from '../../../api/v2/image-fields.ts'
import { parseImagePatch, PATCH_OPERATIONS_MAX, patchDialect } from '../../../api/v2/image-patch.ts'
import { parsePointer } from '../../../api/v2/json-pointer.ts'
import { ImageError } from '../../../node/errors.ts'

const rules = userFieldRules({ diskFormats: ['raw', 'qcow2'], containerFormats: ['bare'] })
const v20 = patchDialect('application/openstack-images-v2.0-json-patch')
const v21 = patchDialect('application/openstack-images-v2.1-json-patch')
const parse = (...operations: unknown[]) => parseImagePatch(v21, operations, rules)

t.test('only the two media types', async (t) => {
  for (const type of [
    '',
    'application/json',
    'application/json-patch+json',
    'application/openstack-images-v2.2-json-patch',
  ]) {
    try {
      patchDialect(type)
      t.fail(type)
    } catch (error) {
      t.type(error, HttpError)
      t.match(error, { code: 'UNSUPPORTED_PATCH', headers: { 'accept-patch': /v2\.0.*, .*v2\.1/ } })
    }
  }
})

t.test('both dialects say the same but for add on what is there', async (t) => {
  t.same(
    parse(
      { op: 'add', path: '/a', value: '1' },
      { op: 'replace', path: '/b~1c~0d', value: '2' },
      { op: 'remove', path: '/e' },
      { op: 'replace', path: '/os_hidden', value: true },
    ),
    [
      { kind: 'property', op: 'add', name: 'a', value: '1', ifPresent: 'overwrite' },
      { kind: 'property', op: 'replace', name: 'b/c~d', value: '2', ifPresent: 'overwrite' },
      { kind: 'property', op: 'remove', name: 'e', ifPresent: 'overwrite' },
      { kind: 'set', field: 'hidden', value: true },
    ],
  )
  t.same(
    parseImagePatch(
      v20,
      [
        { add: '/a', value: '1' },
        { remove: '/e' },
        { replace: '/name', value: null },
        { add: '/name', value: 'x' },
      ],
      rules,
    ),
    [
      { kind: 'property', op: 'add', name: 'a', value: '1', ifPresent: 'conflict' },
      { kind: 'property', op: 'remove', name: 'e', ifPresent: 'conflict' },
      { kind: 'set', field: 'name', value: null },
      { kind: 'set', field: 'name', value: 'x', ifPresent: 'conflict' },
    ],
  )
  t.same(parse(), [])
})

t.test('values of user fields', async (t) => {
  const set = (name: string, value: unknown) => parse({ op: 'replace', path: `/${name}`, value })[0]
  const good: [string, unknown, string, unknown][] = [
    ['name', 'x'.repeat(255), 'name', 'x'.repeat(255)],
    ['visibility', 'community', 'visibility', 'community'],
    ['protected', false, 'protected', false],
    ['owner', '', 'owner', null],
    ['disk_format', null, 'diskFormat', null],
    ['disk_format', 'qcow2', 'diskFormat', 'qcow2'],
    ['container_format', 'bare', 'containerFormat', 'bare'],
    ['min_disk', 2 ** 31 - 1, 'minDisk', 2 ** 31 - 1],
    ['min_ram', 0, 'minRam', 0],
    ['tags', ['b', 'a', 'b'], 'tags', ['a', 'b']],
  ]
  for (const [name, value, field, parsed] of good)
    t.same(set(name, value), { kind: 'set', field, value: parsed }, name)
  const bad: [string, unknown][] = [
    ['name', 'x'.repeat(256)],
    ['name', 1],
    ['visibility', 'secret'],
    ['visibility', null],
    ['protected', 'true'],
    ['os_hidden', 0],
    ['owner', {}],
    ['disk_format', 'vmdk'],
    ['disk_format', ''],
    ['min_disk', -1],
    ['min_disk', 2 ** 31],
    ['min_ram', 1.5],
    ['min_ram', '1'],
    ['tags', 'a'],
    ['tags', [1]],
    ['tags', ['x'.repeat(256)]],
  ]
  for (const [name, value] of bad)
    t.throws(() => set(name, value), { code: 'INVALID' }, `${name} ${String(value)}`)
})

t.test('values of custom properties are strings', async (t) => {
  const add = (name: string, value: unknown) => parse({ op: 'add', path: `/${name}`, value })[0]
  for (const value of [1, true, null, [], {}]) t.throws(() => add('x', value), { code: 'INVALID' })
  t.match(add('kernel_id', null), { value: null })
  t.match(add('kernel_id', '11111111-2222-3333-4444-555555555555'), { name: 'kernel_id' })
  t.throws(() => add('ramdisk_id', 'none'), { code: 'INVALID' })
  t.throws(() => add('cinder_encryption_key_deletion_policy', 'never'), { code: 'INVALID' })
  t.throws(() => add('k'.repeat(256), 'x'), { code: 'INVALID' })
  t.throws(() => add('__proto__', 'x'), { code: 'INVALID' })
  t.match(add('constructor', 'x'), { name: 'constructor' })
})

t.test('what only the service sets is forbidden', async (t) => {
  const names = [
    'id',
    'status',
    'size',
    'virtual_size',
    'checksum',
    'os_hash_algo',
    'os_hash_value',
    'created_at',
  ]
  names.push('updated_at', 'direct_url', 'self', 'file', 'schema', 'location')
  names.push('deleted', 'deleted_at', 'os_glance_anything')
  for (const name of names) {
    for (const op of ['add', 'replace', 'remove']) {
      t.throws(() => parse({ op, path: `/${name}`, value: 'x' }), { code: 'FORBIDDEN' }, `${op} ${name}`)
    }
  }
  t.throws(() => parse({ op: 'add', path: '/stores', value: 'x' }), { code: 'FORBIDDEN' })
  t.match(
    parse({ op: 'remove', path: '/stores' }),
    [{ op: 'remove', name: 'stores' }],
    'a conflict for the service',
  )
  for (const name of ['name', 'owner', 'visibility', 'tags', 'min_disk', 'disk_format']) {
    t.throws(() => parse({ op: 'remove', path: `/${name}` }), { code: 'FORBIDDEN', message: /removed/ }, name)
  }
})

t.test('wrong forms', async (t) => {
  const wrong: unknown[] = [
    null,
    1,
    'x',
    [],
    {},
    { op: 'test', path: '/a', value: '1' },
    { op: 'move', path: '/a', from: '/b' },
    { op: 'copy', path: '/a', from: '/b' },
    { op: ['add'], path: '/a', value: '1' },
    { op: 'add', value: '1' },
    { op: 'add', path: '/a' },
    { op: 'add', path: 7, value: '1' },
    { op: 'add', path: '/tags/-', value: 'x' },
    { op: 'add', path: '/a/b', value: 'x' },
    { add: '/a', value: 'x' },
  ]
  for (const item of wrong) t.throws(() => parse(item), { code: 'INVALID' }, JSON.stringify(item))
  for (const item of [
    { op: 'add', path: '/a', value: '1' },
    { add: '/a', remove: '/b', value: '1' },
    { add: '/a' },
  ]) {
    t.throws(() => parseImagePatch(v20, [item], rules), { code: 'INVALID' }, JSON.stringify(item))
  }
  for (const body of [{}, null, 'x', 7])
    t.throws(() => parseImagePatch(v21, body, rules), { code: 'INVALID' })
  const many = Array.from({ length: PATCH_OPERATIONS_MAX + 1 }, () => ({ op: 'remove', path: '/a' }))
  t.throws(() => parse(...many), { code: 'INVALID' })
})

t.test('pointers', async (t) => {
  const good: [string, string[]][] = [
    ['/a', ['a']],
    ['/a/b', ['a', 'b']],
    ['/~01', ['~1']],
    ['/~1~0', ['/~']],
  ]
  for (const [pointer, segments] of good) t.same(parsePointer(pointer), segments, pointer)
  for (const pointer of ['', 'a', '/', '//', '/a/', '/a//b', '/ ', '/~', '/~2', '/a~', null, 7]) {
    t.throws(() => parsePointer(pointer), { code: 'INVALID' }, String(pointer))
  }
})

t.test('any JSON is parsed or refused', async () => {
  const value = fc.jsonValue()
  const path = fc.oneof(
    fc.constantFrom('/name', '/tags', '/a', '/stores', '/__proto__', '/os_hidden'),
    fc.string(),
    value,
  )
  const operation = fc.oneof(
    fc.record({ op: fc.constantFrom('add', 'replace', 'remove', 'test'), path, value }),
    fc.record({ add: path, value }),
    value,
  )
  fc.assert(
    fc.property(fc.constantFrom(v20, v21), fc.oneof(fc.array(operation), value), (dialect, body) => {
      try {
        return Array.isArray(parseImagePatch(dialect, body, rules))
      } catch (error) {
        return error instanceof ImageError && ['INVALID', 'FORBIDDEN'].includes(error.code)
      }
    }),
    { numRuns: 3000 },
  )
})
