/** Cases that nobody thought of: patches, filters, and walks through pages, generated from the seed. */
import fc from 'fast-check'
import { cases, createRaw, get, patch, PATCH_20, PATCH_21, show, type Step } from '../case.ts'
import { SEED } from '../gallery.ts'

const PATCH_CASES = 60
const WALK_CASES = 40
const PATCHES_EACH = 4

const NAMES = [
  'name',
  'min_ram',
  'min_disk',
  'protected',
  'os_hidden',
  'visibility',
  'tags',
  'disk_format',
  'container_format',
]
const PROPERTIES = ['a', 'b', 'c~d', 'e/f', 'os_distro', 'there', 'kernel_id']
const FORBIDDEN = ['id', 'status', 'size', 'os_glance_x', 'owner']

const path = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom(...NAMES) },
    { weight: 5, arbitrary: fc.constantFrom(...PROPERTIES) },
    { weight: 1, arbitrary: fc.constantFrom(...FORBIDDEN) },
  )
  .map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`)

const value = fc.oneof(
  fc.constantFrom('x', 'y', 'raw', 'qcow2', 'bare', 'private', 'community', 'é'),
  fc.constantFrom(0, 1, 512, -1, true, false, null),
  fc.subarray(['s', 't', 'u']),
)
const operation = fc.record({
  verb: fc.constantFrom('add', 'add', 'replace', 'replace', 'remove'),
  path,
  value,
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

function written(type: string, { verb, path, value }: Operation): object {
  const rest = verb === 'remove' ? {} : { value }
  return type === PATCH_21 ? { op: verb, path, ...rest } : { [verb]: path, ...rest }
}

const patches = fc.array(
  fc.record({
    type: fc.constantFrom(PATCH_21, PATCH_20),
    operations: fc.array(operation, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: PATCHES_EACH, maxLength: PATCHES_EACH },
)

const patchCases = fc
  .sample(patches, { seed: SEED, numRuns: PATCH_CASES })
  .map((script, index): [string, Step[]] => [
    `patches ${index}`,
    [
      createRaw({ name: 'x', there: 'before', tags: ['s'] }),
      ...script.map(({ type, operations }) =>
        patch(
          operations.map((each) => written(type, each)),
          {},
          type,
        ),
      ),
      show(),
    ],
  ])

const filter = fc.constantFrom(
  'name=alpha',
  'name=in:alpha,beta,"with,comma"',
  'tag=red',
  'tag=blue',
  'disk_format=in:raw,iso',
  'container_format=bare',
  'min_ram=512',
  'min_disk_min=1',
  'min_disk_max=2',
  'os_distro=debian',
  'hw_disk_bus=scsi',
  'protected=true',
  'os_hidden=true',
  'visibility=public',
  'visibility=all',
  'visibility=community',
  'status=active',
  'size_max=100',
  'size_min=1',
  'owner={owner}',
  'owner={other}',
)
const sortKey = fc.constantFrom(
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
)
const sort = fc.array(fc.tuple(sortKey, fc.constantFrom(':asc', ':desc', '')), { maxLength: 3 })
const walk = fc.record({
  as: fc.constantFrom('owner', 'other', 'admin'),
  filters: fc.uniqueArray(filter, { minLength: 1, maxLength: 3, selector: (text) => text.split('=')[0]! }),
  sort,
  limit: fc.constantFrom(7, 20, 50),
})

const walkCases = fc
  .sample(walk, { seed: SEED, numRuns: WALK_CASES })
  .map(({ as, filters, sort, limit }, index): [string, Step[]] => {
    const order = sort.length === 0 ? [] : [`sort=${sort.map((pair) => pair.join('')).join(',')}`]
    const query = [...filters, ...order, `limit=${limit}`].join('&').replaceAll('"', '%22')
    return [`walk ${index}`, [get(`/v2/images?${query}`, { as, walk: true })]]
  })

export default [
  ...cases('generated', Object.fromEntries(patchCases)),
  ...cases('generated', Object.fromEntries(walkCases), 'gallery'),
  ...cases(
    'generated',
    {
      'walk through all, newest first': [get('/v2/images?limit=90', { as: 'admin', walk: true })],
      'walk through all by name': [
        get('/v2/images?sort=name:asc,size:desc&limit=100&visibility=all', { as: 'admin', walk: true }),
      ],
    },
    'gallery',
  ),
]
