/** What is too much: the limits are those of LIMITS. */
import { cases, create, createRaw, patch, show, type Step, upload } from '../case.ts'

/** Of both servers. */
export const LIMITS = {
  properties: 8,
  tags: 6,
  members: 4,
  /** The largest that a case of another area uploads is a vhdx. */
  imageBytes: 1_500_000,
  projectBytes: 3_500_000,
} as const
/** What two of the largest images leave of a project's quota, bytes. */
const REST = LIMITS.projectBytes - 2 * LIMITS.imageBytes

function properties(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, 'x']))
}

function tags(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `t${index}`)
}

function adding(count: number, from = 0): object[] {
  return Array.from({ length: count }, (_, index) => ({ op: 'add', path: `/p${from + index}`, value: 'x' }))
}

const bytes = (count: number, options: Parameters<typeof upload>[1] = {}, name = 'id'): Step =>
  upload(Buffer.alloc(count, 'x'), options, name)

export default cases('quotas', {
  'as many properties as may be': [
    create(properties(LIMITS.properties)),
    patch(adding(1, 20)),
    patch(adding(1)),
    show(),
  ],
  'more properties': [create(properties(LIMITS.properties + 1))],
  'more properties by a patch': [
    create(properties(4)),
    patch(adding(5, 10)),
    show(),
    patch(adding(4, 10)),
    show(),
  ],
  'more properties meanwhile': [
    create(properties(LIMITS.properties)),
    patch([...adding(1, 20), { op: 'remove', path: '/p0' }]),
    patch([{ op: 'remove', path: '/p1' }, ...adding(1, 30)]),
    show(),
  ],
  'as many tags as may be': [
    create({ tags: tags(LIMITS.tags) }),
    patch([{ op: 'replace', path: '/tags', value: tags(LIMITS.tags + 1) }]),
    show(),
  ],
  'more tags': [create({ tags: tags(LIMITS.tags + 1) })],
  'more tags that are alike': [create({ tags: [...tags(LIMITS.tags), 't0'] })],
  'the largest image': [createRaw(), bytes(LIMITS.imageBytes), show()],
  'a larger image': [createRaw(), bytes(LIMITS.imageBytes + 1), show(), bytes(10), show()],
  'a larger image in chunks': [createRaw(), bytes(LIMITS.imageBytes + 1, { chunked: true }), show()],
  'all that a project may have': [
    createRaw(),
    createRaw({}, {}, 'second'),
    createRaw({}, {}, 'third'),
    bytes(LIMITS.imageBytes),
    bytes(LIMITS.imageBytes, {}, 'second'),
    bytes(REST + 1, {}, 'third'),
    show({}, 'third'),
    bytes(REST, {}, 'third'),
    show({}, 'third'),
    createRaw({}, {}, 'fourth'),
    bytes(1, {}, 'fourth'),
    bytes(0, {}, 'fourth'),
    bytes(1, { chunked: true }, 'fourth'),
  ],
})
