import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { ImageIndex } from '../../../node/images/image-index.ts'
import { plainImage, type ImageRecord } from '../../../node/images/image-record.ts'
import type { Caller, ImageFilter, ImageQuery, SortKey } from '../../../node/images/image-requests.ts'
import { listFilter } from '../../../node/images/list-filter.ts'
import { isListed } from '../../../node/images/visibility.ts'
import { admin, imageOf, memberOf, owner, queryOf, stranger } from './image-fixture.ts'

function indexOf(records: readonly ImageRecord[]): ImageIndex {
  const index = new ImageIndex({ monotonicMs: () => performance.now() })
  for (const record of records) index.put(record)
  return index
}

const named = (...names: (string | null)[]) => names.map((name, i) => imageOf({ id: `id-${i}`, name }))

async function namesOf(records: readonly ImageRecord[], fields: Partial<ImageQuery> = {}) {
  const ids = await pageIds(indexOf(records), owner, queryOf(fields))
  return ids.map((id) => records.find((record) => record.id === id)?.name)
}

async function pageIds(index: ImageIndex, caller: Caller, query: ImageQuery): Promise<string[]> {
  return (await index.page(caller, query)).images.map(({ id }) => id)
}

async function idsFor(records: readonly ImageRecord[], ...filters: ImageFilter[]) {
  return (await pageIds(indexOf(records), owner, queryOf({ filters }))).toSorted()
}

t.test('the newest come first unless asked otherwise; the id breaks ties', async (t) => {
  const at = (id: string, createdAt: string) => imageOf({ id, createdAt })
  const records = [
    at('a', '2026-01-01T00:00:00Z'),
    at('b', '2026-01-02T00:00:00Z'),
    at('c', '2026-01-02T00:00:00Z'),
  ]
  t.strictSame(await pageIds(indexOf(records), owner, queryOf()), ['c', 'b', 'a'])
  const ascending = queryOf({ sort: [{ key: 'createdAt', direction: 'asc' }] })
  t.strictSame(await pageIds(indexOf(records), owner, ascending), ['a', 'b', 'c'])
})

t.test('null sorts before all else, the empty text and zero included', async (t) => {
  const sort: ImageQuery['sort'] = [{ key: 'name', direction: 'asc' }]
  t.strictSame(await namesOf(named('b', '', null, 'a'), { sort }), [null, '', 'a', 'b'])
  const sizes = [
    imageOf({ id: 'a', size: 10 }),
    imageOf({ id: 'b', size: null }),
    imageOf({ id: 'c', size: 9 }),
    imageOf({ id: '0', size: 0 }),
  ]
  const bySize = queryOf({ sort: [{ key: 'size', direction: 'asc' }] })
  t.strictSame(await pageIds(indexOf(sizes), owner, bySize), ['b', '0', 'c', 'a'], 'as numbers, not as text')
})

t.test('each sort key has its own direction', async (t) => {
  const records = [
    imageOf({ id: 'a', name: 'x', size: 1 }),
    imageOf({ id: 'b', name: 'x', size: 2 }),
    imageOf({ id: 'c', name: 'y', size: 3 }),
  ]
  const sort: ImageQuery['sort'] = [
    { key: 'name', direction: 'desc' },
    { key: 'size', direction: 'asc' },
  ]
  t.strictSame(await pageIds(indexOf(records), owner, queryOf({ sort })), ['c', 'a', 'b'])
})

t.test('a page of zero is empty', async (t) => {
  t.strictSame(await namesOf(named('a', 'b'), { limit: 0 }), [])
})

t.test('a changed record moves, a removed one goes', async (t) => {
  const index = indexOf(named('a', 'b'))
  const sort: ImageQuery['sort'] = [{ key: 'name', direction: 'asc' }]
  index.put(imageOf({ id: 'id-0', name: 'z' }))
  t.strictSame(await pageIds(index, owner, queryOf({ sort })), ['id-1', 'id-0'])
  index.remove('id-1')
  t.strictSame(await pageIds(index, owner, queryOf({ sort })), ['id-0'])
})

t.test('only what the caller may list is listed', async (t) => {
  const records = [
    imageOf({ id: 'own', visibility: 'private' }),
    imageOf({ id: 'open', visibility: 'public', owner: 'x' }),
  ]
  t.strictSame(await pageIds(indexOf(records), stranger, queryOf()), ['open'])
  t.strictSame((await pageIds(indexOf(records), admin, queryOf())).toSorted(), ['open', 'own'])
})

t.test('a field equals, is one of, or is not', async (t) => {
  const records = named('a', 'b', null)
  t.strictSame(await idsFor(records, { field: 'name', op: 'eq', values: ['a'] }), ['id-0'])
  t.strictSame(await idsFor(records, { field: 'name', op: 'in', values: ['a', 'b'] }), ['id-0', 'id-1'])
  t.strictSame(await idsFor(records, { field: 'name', op: 'neq', values: ['a'] }), ['id-1', 'id-2'])
})

t.test('bounds are inclusive where they say so, and nothing is above or below null', async (t) => {
  const records = [null, 1, 2, 3].map((size, i) => imageOf({ id: `id-${i}`, size }))
  const ids = (op: 'gt' | 'gte' | 'lt' | 'lte') => idsFor(records, { field: 'size', op, values: [2] })
  t.strictSame(await ids('gt'), ['id-3'])
  t.strictSame(await ids('gte'), ['id-2', 'id-3'])
  t.strictSame(await ids('lt'), ['id-1'])
  t.strictSame(await ids('lte'), ['id-1', 'id-2'])
})

t.test('every filter must hold; every tag must be there', async (t) => {
  const records = [imageOf({ id: 'a', tags: ['x', 'y'] }), imageOf({ id: 'b', tags: ['x'], hidden: true })]
  t.strictSame(await idsFor(records, { tag: 'x' }), ['a', 'b'])
  t.strictSame(await idsFor(records, { tag: 'x' }, { tag: 'y' }), ['a'])
  t.strictSame(await idsFor(records, { tag: 'x' }, { field: 'hidden', op: 'eq', values: [true] }), ['b'])
})

t.test('custom properties are compared as text', async (t) => {
  const records = [
    imageOf({ id: 'a', properties: { os: 'linux' } }),
    imageOf({ id: 'b', properties: { os: null } }),
  ]
  t.strictSame(await idsFor(records, { property: 'os', value: 'linux' }), ['a'])
  t.strictSame(await idsFor(records, { property: 'absent', value: 'linux' }), [])
})

t.test('a long list gives the event loop back', async (t) => {
  let now = 0
  const index = new ImageIndex({ monotonicMs: () => (now += 3) })
  for (let i = 0; i < 2000; i++) index.put(imageOf({ id: `id-${i}` }))
  let turns = 0
  const count = () => {
    turns++
    if (turns < 100) setImmediate(count)
  }
  setImmediate(count)
  await index.page(owner, queryOf())
  t.ok(turns >= 5, `others had ${turns} turns meanwhile`)
})

const keys: SortKey[] = [
  'name',
  'status',
  'containerFormat',
  'diskFormat',
  'size',
  'id',
  'createdAt',
  'updatedAt',
]
const times = fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')
// Few values, so that there are many ties.
const records: fc.Arbitrary<ImageRecord[]> = fc.uniqueArray(
  fc
    .record({
      id: fc.integer({ min: 0, max: 60 }).map((number) => `id-${number}`),
      name: fc.constantFrom(null, '', 'a', 'b'),
      size: fc.constantFrom(null, 0, 1, 10),
      visibility: fc.constantFrom(
        'public' as const,
        'private' as const,
        'shared' as const,
        'community' as const,
      ),
      owner: fc.constantFrom('project-1', 'project-2', null),
      createdAt: times,
      updatedAt: times,
    })
    .map((fields) => imageOf(fields)),
  { selector: ({ id }) => id, maxLength: 40 },
)
const sorts = fc.array(
  fc.record({ key: fc.constantFrom(...keys), direction: fc.constantFrom('asc' as const, 'desc' as const) }),
  {
    maxLength: 3,
  },
)

/** Sorts everything by the documented rule, in the plainest way. */
function sortedWhole(all: readonly ImageRecord[], sort: ImageQuery['sort']): string[] {
  const direction = sort[0]?.direction ?? 'desc'
  const full = [...sort, { key: 'createdAt' as const, direction }, { key: 'id' as const, direction }]
  return all
    .toSorted((a, b) => {
      for (const { key, direction } of full) {
        const [left, right] = [a[key], b[key]]
        const isLess = left === null || (right !== null && left < right)
        if (left !== right) return isLess === (direction === 'asc') ? -1 : 1
      }
      return 0
    })
    .map(({ id }) => id)
}

t.test('pages put together equal the sorted whole', async () => {
  await fc.assert(
    fc.asyncProperty(records, sorts, fc.integer({ min: 1, max: 7 }), async (all, sort, limit) => {
      const index = indexOf(all)
      const visible = all.filter((record) => isListed(owner, record, queryOf()))
      const paged: string[] = []
      let marker: string | null = null
      for (;;) {
        const page: string[] = await pageIds(index, owner, queryOf({ sort, limit, marker }))
        paged.push(...page)
        if (page.length < limit) break
        marker = page.at(-1) ?? null
      }
      if (paged.join() !== sortedWhole(visible, sort).join())
        throw new Error(`${paged.join()} is not the whole`)
    }),
    { numRuns: 300 },
  )
})

t.test('a marker need not be in the list itself', async (t) => {
  const all = named('a', 'b', 'c')
  const query = queryOf({
    sort: [{ key: 'name', direction: 'asc' }],
    marker: 'id-1',
    filters: [{ field: 'name', op: 'in', values: ['a', 'c'] }],
  })
  t.strictSame(await pageIds(indexOf(all), owner, query), ['id-2'])
})

t.test('filters by a column change no page: they equal the sorted whole of what passes', async () => {
  const filters = fc.constantFrom<ImageFilter[]>(
    [{ field: 'owner', op: 'eq', values: ['project-1'] }],
    [{ field: 'status', op: 'in', values: ['queued'] }],
    [{ field: 'name', op: 'eq', values: [''] }],
    [
      { field: 'status', op: 'eq', values: ['queued'] },
      { field: 'name', op: 'in', values: ['a'] },
    ],
  )
  const query = fc.record({
    filters,
    visibility: fc.constantFrom(null, 'all' as const, 'public' as const),
    sort: fc.constantFrom<ImageQuery['sort']>([], [{ key: 'createdAt', direction: 'asc' }]),
    limit: fc.integer({ min: 1, max: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(records, query, async (all, fields) => {
      const index = indexOf(all)
      const passes = listFilter(admin, queryOf(fields))
      const expected = sortedWhole(all.filter(passes), fields.sort)
      const paged: string[] = []
      for (let marker: string | null = null; ;) {
        const page: string[] = await pageIds(index, admin, queryOf({ ...fields, marker }))
        paged.push(...page)
        if (page.length < fields.limit) break
        marker = page.at(-1) ?? null
      }
      if (paged.join() !== expected.join()) throw new Error(`${paged.join()} is not ${expected.join()}`)
    }),
    { numRuns: 500 },
  )
})

t.test('what the index keeps reads as the record that it was made of', async () => {
  const field = fc.constantFrom('build', '__proto__', 'os_distro')
  const record = fc
    .record({
      hashValue: fc.constantFrom(null, '', 'd5', 'D5', 'abc', '0f'.repeat(64)),
      properties: fc.dictionary(field, fc.option(fc.string()), { noNullPrototype: true }),
      tags: fc.array(fc.string(), { maxLength: 2 }),
      hidden: fc.boolean(),
      size: fc.option(fc.maxSafeInteger()),
      deletedAt: fc.constantFrom(null, '2026-01-02T00:00:00Z'),
      updatedAt: times,
      members: fc.constantFrom<ImageRecord['members'][]>([], [memberOf('project-2')]),
    })
    .map((fields) => imageOf(fields))
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), (all) => {
      const index = indexOf([])
      for (const one of all) {
        index.put(one)
        const kept = index.get(one.id) as ImageRecord
        for (const key of Object.keys(one) as (keyof ImageRecord)[])
          assert.deepStrictEqual(kept[key], one[key], key)
        const plain = { ...plainImage(kept) }
        for (const key of Object.keys(one) as (keyof ImageRecord)[])
          assert.deepStrictEqual(plain[key], one[key], key)
      }
    }),
  )
})
