import fc from 'fast-check'
import t from 'tap'
import { parseList, parseTime } from '../../../api/v2/filter-values.ts'
import { parseImageListQuery } from '../../../api/v2/image-list-query.ts'
import { ImageError } from '../../../node/errors.ts'
import type { ImageQuery } from '../../../node/images/image-requests.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const visible = { field: 'hidden', op: 'eq', values: [false] }

function parse(query: string): ImageQuery {
  return parseImageListQuery(new URLSearchParams(query), { limitDefault: 25, limitMax: 1000 })
}

/** The filters beside the one for hidden images. */
function filters(query: string): unknown[] {
  return parse(query).filters.slice(1)
}

t.test('defaults', async (t) => {
  t.same(parse(''), {
    limit: 25,
    marker: null,
    sort: [{ key: 'createdAt', direction: 'desc' }],
    filters: [visible],
    visibility: null,
    memberStatus: 'accepted',
  })
})

t.test('paging', async (t) => {
  t.equal(parse('limit=0').limit, 0)
  t.equal(parse('limit=7').limit, 7)
  t.equal(parse('limit=5000').limit, 1000)
  t.equal(parse('limit=99999999999999999999').limit, 1000)
  t.equal(parse(`marker=${ID.toUpperCase()}`).marker, ID)
})

t.test('sorting', async (t) => {
  const newestFirst = [
    { key: 'createdAt', direction: 'desc' },
    { key: 'id', direction: 'desc' },
  ]
  t.same(parse('sort=name:asc').sort, [{ key: 'name', direction: 'asc' }], 'ties go the same way')
  for (const sort of ['name,size:asc', 'name:,%20size%20:asc'])
    t.same(parse(`sort=${sort}`).sort, [
      { key: 'name', direction: 'desc' },
      { key: 'size', direction: 'asc' },
      ...newestFirst,
    ])
  t.same(parse('sort_key=name&sort_key=disk_format&sort_dir=asc').sort, [
    { key: 'name', direction: 'asc' },
    { key: 'diskFormat', direction: 'asc' },
  ])
  t.same(parse('sort_key=name&sort_key=id&sort_dir=asc&sort_dir=desc').sort, [
    { key: 'name', direction: 'asc' },
    { key: 'id', direction: 'desc' },
    newestFirst[0],
  ])
  t.same(parse('sort_dir=asc').sort, [{ key: 'createdAt', direction: 'asc' }])
})

t.test('filters', async (t) => {
  t.same(filters('name=x'), [{ field: 'name', op: 'eq', values: ['x'] }])
  t.same(filters('name=eq:a:b'), [{ field: 'name', op: 'eq', values: ['a:b'] }])
  t.same(filters('name=2026-01-01T00:00:00Z'), [
    { field: 'name', op: 'eq', values: ['2026-01-01T00:00:00Z'] },
  ])
  t.same(filters('status=in:queued,active'), [{ field: 'status', op: 'in', values: ['queued', 'active'] }])
  t.same(filters('name=in:"a,b",c'), [{ field: 'name', op: 'in', values: ['a,b', 'c'] }])
  t.same(filters('created_at=gte:2026-01-02T03:04:05Z'), [
    { field: 'createdAt', op: 'gte', values: ['2026-01-02T03:04:05Z'] },
  ])
  t.same(filters('updated_at=2026-01-02T03:04:05'), [
    { field: 'updatedAt', op: 'eq', values: ['2026-01-02T03:04:05Z'] },
  ])
  t.same(filters('size_min=1&min_ram_max=2'), [
    { field: 'size', op: 'gte', values: [1] },
    { field: 'minRam', op: 'lte', values: [2] },
  ])
  t.same(filters('tag=a&tag=b'), [{ tag: 'a' }, { tag: 'b' }])
  t.same(filters('protected=true&owner=p&os_hash_value=ff&min_disk=3'), [
    { field: 'protected', op: 'eq', values: [true] },
    { field: 'owner', op: 'eq', values: ['p'] },
    { field: 'hashValue', op: 'eq', values: ['ff'] },
    { field: 'minDisk', op: 'eq', values: [3] },
  ])
  t.same(filters('os_distro=debian&deleted=True&foo=in:x'), [
    { property: 'os_distro', value: 'debian' },
    { property: 'foo', value: 'in:x' },
  ])
  t.same(
    filters('name=a&name=b'),
    [{ field: 'name', op: 'eq', values: ['b'] }],
    'the last of a single value counts',
  )
  t.same(parse('os_hidden=TRUE').filters, [{ ...visible, values: [true] }])
  t.match(parse('visibility=all&member_status=pending'), { visibility: 'all', memberStatus: 'pending' })
})

t.test('what is refused', async (t) => {
  const wrong = [
    'limit=x',
    'limit=-1',
    'limit=',
    'limit=1.5',
    'limit=1e3',
    'marker=x',
    'marker=',
    'sort=',
    'sort=color',
  ]
  wrong.push(
    'sort=name:up',
    'sort=name:asc:x',
    'sort=name&sort_key=id',
    'sort=name&sort_dir=asc',
    'sort_key=color',
  )
  wrong.push(
    'sort_key=name&sort_dir=up',
    'sort_key=name&sort_dir=asc&sort_dir=desc',
    'sort_key=a&sort_key=b&sort_key=',
  )
  wrong.push(
    'name=like:x',
    'name=ubuntu:22.04',
    'name=in:"a',
    'name=in:a"b"',
    'id=neq:x',
    'created_at=yesterday',
  )
  wrong.push(
    'created_at=in:2026-01-01',
    'created_at=gt:',
    'size_min=x',
    'size_max=',
    'color_min=1',
    'name_max=1',
  )
  wrong.push(
    'os_hidden=yes',
    'protected=True',
    'protected=1',
    'visibility=secret',
    'member_status=x',
    'size=big',
  )
  wrong.push('changes-since=2026-01-01', 'locations=x', 'members=x', 'properties=x')
  for (const query of wrong) t.throws(() => parse(query), { code: 'INVALID' }, query)
})

t.test('lists', async (t) => {
  t.same(parseList('a,b'), ['a', 'b'])
  t.same(parseList(''), [])
  t.same(parseList(',a,,b,'), ['', 'a', '', 'b'])
  t.same(parseList('"a,b","c\\"d"'), ['a,b', 'c"d'])
  for (const text of ['"', 'a"', '"a"b', '"a', '"a\\"'])
    t.throws(() => parseList(text), { code: 'INVALID' }, text)
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 })), (items) => {
      const text = items.map((item) => `"${item.replace(/(["\\])/g, '\\$1')}"`).join(',')
      t.same(parseList(text), items)
    }),
    { numRuns: 300 },
  )
})

t.test('times', async (t) => {
  const cases: [string, string | null][] = [
    ['2026-01-02', '2026-01-02T00:00:00Z'],
    ['2026-01-02T03:04Z', '2026-01-02T03:04:00Z'],
    ['20260102T030405Z', '2026-01-02T03:04:05Z'],
    ['2026-01-02 03:04:05.678', '2026-01-02T03:04:05Z'],
    ['2026-01-02T03:04:05+01:30', '2026-01-02T01:34:05Z'],
    ['2026-01-02T03:04:05 01:30', '2026-01-02T01:34:05Z'],
    ['2026-01-02T03:04:05-0100', '2026-01-02T04:04:05Z'],
    ['0000-01-01T00:00:00+01', null],
    ['9999-12-31T23:59:59-01', null],
    ['2026-02-30', null],
    ['2026-13-01', null],
    ['2026-01-01T24:00:00', null],
    ['2026', null],
    ['now', null],
    ['', null],
  ]
  for (const [text, expected] of cases) t.equal(parseTime(text), expected, text)
})

t.test('any query is parsed or refused', async () => {
  const names = [
    'limit',
    'marker',
    'sort',
    'sort_key',
    'sort_dir',
    'name',
    'id',
    'created_at',
    'size_min',
    'x_max',
    'tag',
  ]
  const name = fc.oneof(
    fc.constantFrom(...names, 'visibility', 'os_hidden', 'protected', 'virtual_size'),
    fc.string(),
  )
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('in:', 'in:"a",', 'gt:2026-01-01', 'name:asc', '-1', '99999999999999999999', ID),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text)), (parameters) => {
      try {
        const query = parse(new URLSearchParams(parameters).toString())
        return query.limit >= 0 && query.limit <= 1000 && query.sort.length > 0
      } catch (error) {
        return error instanceof ImageError && error.code === 'INVALID'
      }
    }),
    { numRuns: 3000 },
  )
})
