/** Walks through all pages of lists over the gallery, by filters and orders generated from the seed. */
import fc from 'fast-check'
import { cases, get, type Step } from '../case.ts'
import { GALLERY_SCOPE, GALLERY_TAG, SEED } from '../gallery.ts'

const WALK_CASES = 40

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
  'prot_shown=w',
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
/** What comes behind created_at would depend on which images fall into one second. */
const sort = fc
  .array(fc.tuple(sortKey, fc.constantFrom(':asc', ':desc', '')), { maxLength: 3 })
  .map((pairs) => pairs.slice(0, pairs.findIndex(([key]) => key === 'created_at') + 1 || undefined))
const walk = fc.record({
  as: fc.constantFrom('owner', 'other', 'third'),
  filters: fc.uniqueArray(filter, { minLength: 1, maxLength: 3, selector: (text) => text.split('=')[0]! }),
  sort,
  limit: fc.constantFrom(7, 20, 50),
})

const walkCases = fc
  .sample(walk, { seed: SEED, numRuns: WALK_CASES })
  .map(({ as, filters, sort, limit }, index): [string, Step[]] => {
    const order = sort.length === 0 ? [] : [`sort=${sort.map((pair) => pair.join('')).join(',')}`]
    // Glance starts over behind an image without size, so those are left out.
    const isBySize = sort.some(([key]) => key === 'size')
    const sized = isBySize && !filters.some((text) => text.startsWith('size_')) ? ['size_min=0'] : []
    const query = [...filters, ...sized, ...order, `limit=${limit}`].join('&').replaceAll('"', '%22')
    return [`generated ${index}`, [get(`/v2/images?${query}`, { as, walk: true })]]
  })

export default cases(
  'walk',
  {
    'through all, newest first': [get(`/v2/images?tag=${GALLERY_TAG}&limit=90`, { as: 'admin', walk: true })],
    'through all by name': [
      get(`/v2/images?tag=${GALLERY_TAG}&sort=name:asc,disk_format:desc&limit=100&visibility=all`, {
        as: 'admin',
        walk: true,
      }),
    ],
    'by size, of which most have none': [
      get('/v2/images?owner={owner}&sort=size:desc&limit=50', { walk: true }),
    ],
    ...Object.fromEntries(walkCases),
  },
  GALLERY_SCOPE,
)
