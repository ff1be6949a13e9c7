/** The PATCH table of glance-api.md §6.2, as far as it is decided inside the register. */
import t from 'tap'
import { applyChanges, isRefusal, normalTags } from '../../../node/images/image-patch-rules.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import type { ImageChange, UserField } from '../../../node/images/image-requests.ts'
import { activeImage, admin, callerOf, imageOf, owner } from './image-fixture.ts'

const quotas = { properties: 2, tags: 2 }

function set(field: UserField, value: string | number | boolean | string[] | null): ImageChange {
  return { kind: 'set', field, value }
}

function property(
  op: 'add' | 'replace' | 'remove',
  name: string,
  value: string | null = 'new',
  ifPresent: 'overwrite' | 'conflict' = 'overwrite',
): ImageChange {
  return op === 'remove'
    ? { kind: 'property', op, name, ifPresent }
    : { kind: 'property', op, name, value, ifPresent }
}

/** The record after the changes, or the code of the refusal. */
function after(record: ImageRecord, changes: ImageChange[], caller = owner): ImageRecord | string {
  const result = applyChanges(record, changes, caller, quotas)
  return isRefusal(result) ? result.code : result
}

const withProperty = imageOf({ properties: { os: 'linux' } })

t.test('custom properties, absent', async (t) => {
  t.match(after(imageOf(), [property('add', 'os')]), { properties: { os: 'new' } })
  t.equal(after(imageOf(), [property('replace', 'os')]), 'CONFLICT')
  t.equal(after(imageOf(), [property('remove', 'os')]), 'CONFLICT')
})

t.test('custom properties, present', async (t) => {
  t.match(after(withProperty, [property('add', 'os')]), { properties: { os: 'new' } })
  t.match(after(withProperty, [property('replace', 'os')]), { properties: { os: 'new' } })
  t.match(after(withProperty, [property('remove', 'os')]), { properties: {} })
})

t.test('the older dialect refuses to add what is there', async (t) => {
  t.equal(after(withProperty, [property('add', 'os', 'new', 'conflict')]), 'CONFLICT')
  t.match(after(imageOf(), [property('add', 'os', 'new', 'conflict')]), { properties: { os: 'new' } })
  t.equal(after(imageOf(), [{ kind: 'set', field: 'name', value: 'x', ifPresent: 'conflict' }]), 'CONFLICT')
})

t.test('names that every object has are not there until they are added', async (t) => {
  t.equal(after(imageOf(), [property('replace', 'toString')]), 'CONFLICT')
  const record = after(imageOf(), [property('add', 'constructor', 'x')]) as ImageRecord
  t.ok(Object.hasOwn(record.properties, 'constructor'))
})

t.test('a null value is kept as such', async (t) => {
  t.match(after(imageOf(), [property('add', 'os', null)]), { properties: { os: null } })
})

t.test('changes apply in order, to one copy', async (t) => {
  const changes = [
    property('add', 'os', 'a'),
    property('replace', 'os', 'b'),
    set('name', 'x'),
    set('name', 'y'),
  ]
  t.match(after(imageOf(), changes), { properties: { os: 'b' }, name: 'y' })
})

t.test('the first refusal undoes all', async (t) => {
  const record = imageOf()
  t.equal(after(record, [set('name', 'x'), property('remove', 'absent'), set('minDisk', 5)]), 'CONFLICT')
  t.strictSame(record, imageOf())
})

t.test('base fields are set', async (t) => {
  const changes = [
    set('name', null),
    set('protected', true),
    set('hidden', true),
    set('minDisk', 3),
    set('minRam', 4),
    set('visibility', 'community'),
  ]
  const expected = {
    name: null,
    protected: true,
    hidden: true,
    minDisk: 3,
    minRam: 4,
    visibility: 'community',
  }
  t.match(after(imageOf(), changes), expected)
})

t.test('the owner is an admin\u2019s to change; nobody is the empty owner', async (t) => {
  t.equal(after(imageOf(), [set('owner', 'p2')]), 'FORBIDDEN')
  t.match(after(imageOf(), [set('owner', 'p2')], admin), { owner: 'p2' })
  t.match(after(imageOf(), [set('owner', '')], admin), { owner: null })
})

for (const field of ['diskFormat', 'containerFormat'] as const) {
  t.test(`${field} can be set while there is no data`, async (t) => {
    for (const status of ['queued', 'importing'] as const)
      t.match(after(imageOf({ status }), [set(field, 'raw')]), { [field]: 'raw' })
    for (const status of ['saving', 'uploading', 'active', 'deactivated'] as const)
      t.equal(after(imageOf({ status }), [set(field, 'raw')], callerOf()), 'FORBIDDEN', status)
    t.equal(after(activeImage(), [set(field, 'raw')], admin), 'FORBIDDEN', 'nor may an admin')
  })
}

t.test('tags are replaced as a whole: sorted, each once', async (t) => {
  t.match(after(imageOf({ tags: ['old'] }), [set('tags', ['b', 'a', 'b'])]), { tags: ['a', 'b'] })
  t.strictSame(normalTags(['b', 'B', 'a', 'b']), ['B', 'a', 'b'])
})

t.test('quotas count once, after the last change', async (t) => {
  const full = imageOf({ properties: { a: '1', b: '2' } })
  t.equal(after(full, [property('add', 'c')]), 'TOO_LARGE')
  t.match(after(full, [property('add', 'c'), property('remove', 'a')]), { properties: { b: '2', c: 'new' } })
  t.equal(after(imageOf(), [set('tags', ['a', 'b', 'c'])]), 'TOO_LARGE')
  t.match(
    after(imageOf(), [set('tags', ['a', 'b', 'b'])]),
    { tags: ['a', 'b'] },
    'a tag given twice counts once',
  )
})

t.test('a quota of zero allows none, and -1 any number', async (t) => {
  const record = imageOf({ properties: { a: '' }, tags: ['a'] })
  t.match(applyChanges(record, [], owner, { properties: 0, tags: -1 }), { code: 'TOO_LARGE' })
  t.match(applyChanges(record, [], owner, { properties: -1, tags: 0 }), { code: 'TOO_LARGE' })
  t.equal(applyChanges(record, [], owner, { properties: -1, tags: -1 }), record)
})

t.test('serac_replicas says how many copies are wanted, also of an image that has its data', async (t) => {
  const wants = (value: string) => [property('add', 'serac_replicas', value)]
  for (const value of ['0', '8', '2.5', '', 'many']) t.equal(after(imageOf(), wants(value)), 'INVALID')
  const fewer = after(activeImage(), wants('2')) as ImageRecord
  t.match(fewer, { data: { copies: 2 } })
  t.match(after(fewer, wants('all')), { data: { copies: null } })
  t.match(after(fewer, [property('remove', 'serac_replicas')]), { data: { copies: 2 } })
  t.match(after(activeImage(), [set('name', 'other')]), { data: { copies: activeImage().data!.copies } })
})
