/** Patches that nobody thought of, generated from the seed. */
import fc from 'fast-check'
import { cases, createRaw, patch, PATCH_20, PATCH_21, show, type Step } from '../case.ts'
import { SEED } from '../gallery.ts'

const PATCH_CASES = 60
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

export default cases('generated', Object.fromEntries(patchCases))
