import fc from 'fast-check'
import t from 'tap'
import { parseImageDraft } from '../../../api/v2/image-draft.ts'
import { userFieldRules } from '../../../api/v2/image-fields.ts'
import { ImageError } from '../../../node/errors.ts'

const rules = userFieldRules({ diskFormats: ['raw', 'qcow2'], containerFormats: ['bare'] })
const ID = 'AAAAAAAA-2222-3333-4444-555555555555'

t.test('a full draft', async (t) => {
  const body = {
    id: ID,
    name: 'debian',
    visibility: 'private',
    protected: true,
    os_hidden: false,
    owner: 'p',
    container_format: 'bare',
    disk_format: 'raw',
    min_disk: 1,
    min_ram: 2,
    tags: ['x'],
    os_distro: 'debian',
    kernel_id: null,
  }
  t.same(parseImageDraft(body, rules), {
    id: ID.toLowerCase(),
    name: 'debian',
    visibility: 'private',
    protected: true,
    hidden: false,
    owner: 'p',
    containerFormat: 'bare',
    diskFormat: 'raw',
    minDisk: 1,
    minRam: 2,
    tags: ['x'],
    properties: { os_distro: 'debian', kernel_id: null },
  })
  t.same(parseImageDraft({}, rules), { properties: {} })
})

t.test('forbidden attributes', async (t) => {
  for (const name of [
    'status',
    'size',
    'checksum',
    'self',
    'file',
    'schema',
    'deleted',
    'location',
    'stores',
    'os_glance_x',
  ]) {
    t.throws(() => parseImageDraft({ [name]: 'x' }, rules), { code: 'FORBIDDEN' }, name)
  }
  t.throws(() => parseImageDraft({ locations: [] }, rules), { code: 'FORBIDDEN' }, 'even empty')
})

t.test('wrong bodies', async (t) => {
  for (const body of [null, [], [{}], 'x', 1, true])
    t.throws(() => parseImageDraft(body, rules), { code: 'INVALID' })
  const wrong: unknown[] = [
    { id: 'x' },
    { id: null },
    { id: `${ID}0` },
    { min_disk: -1 },
    { tags: {} },
    { x: 1 },
    { '': 'x' },
    { ['k'.repeat(256)]: 'x' },
    JSON.parse('{"__proto__":"x"}'),
  ]
  for (const body of wrong)
    t.throws(() => parseImageDraft(body, rules), { code: 'INVALID' }, JSON.stringify(body))
})

t.test('any JSON is parsed or refused', async () => {
  const key = fc.oneof(
    fc.constantFrom('id', 'name', 'tags', 'min_ram', 'visibility', 'size', '__proto__'),
    fc.string(),
  )
  const body = fc.oneof(fc.dictionary(key, fc.jsonValue()), fc.jsonValue())
  fc.assert(
    fc.property(body, (value) => {
      try {
        return typeof parseImageDraft(value, rules) === 'object'
      } catch (error) {
        return error instanceof ImageError && ['INVALID', 'FORBIDDEN'].includes(error.code)
      }
    }),
    { numRuns: 3000 },
  )
})
