/** Changes that begin with what this node knows of an image, however old that is. */
import t from 'tap'
import { ID, imageOf, memberOf, owner, PROJECT, stranger } from './image-fixture.ts'
import { serviceOf } from './image-service-fixture.ts'

const NAMED = [{ kind: 'set' as const, field: 'name' as const, value: 'new' }]

/** What a majority holds, and what this node last heard of it. */
function nodeOf(held: Parameters<typeof imageOf>[0], known: Parameters<typeof imageOf>[0] | null) {
  const node = serviceOf()
  // What this node has not learned as settled, it does not index.
  node.registers.put(imageOf(held), { settled: false })
  if (known) node.registers.index.put(imageOf(known))
  return node
}

t.test('nobody is asked before the operation, which sees the image as it is', async (t) => {
  const { service, registers } = nodeOf({ tags: ['kept'] }, { tags: ['old'] })
  t.match(await service.patch(owner, ID, NAMED), { name: 'new', tags: ['kept'] })
  await service.addTag(owner, ID, 'more')
  t.strictSame(registers.record(ID)?.tags.toSorted(), ['kept', 'more'])
  t.equal(registers.reads, 0)
})

t.test('an image that this node has not heard of is asked for', async (t) => {
  const { service, registers } = nodeOf({}, null)
  t.match(await service.patch(owner, ID, NAMED), { name: 'new' })
  t.equal(registers.reads, 1)
})

t.test('whoever lost an image meanwhile changes nothing', async (t) => {
  const { service, registers } = nodeOf({ owner: 'another' }, {})
  await t.rejects(service.patch(owner, ID, NAMED), { code: 'NOT_FOUND' })
  t.match(registers.record(ID), { owner: 'another', name: imageOf().name })
})

t.test('whoever got one meanwhile is not refused for what is no more', async (t) => {
  for (const known of [
    { owner: 'another' },
    { visibility: 'public' as const, owner: 'another' },
    { members: [memberOf(PROJECT)], owner: 'another' },
  ]) {
    const { service } = nodeOf({}, known)
    t.match(await service.patch(owner, ID, NAMED), { name: 'new' })
  }
})

t.test('an image that was deleted meanwhile is gone', async (t) => {
  const { service, registers } = nodeOf({}, {})
  registers.put(imageOf(), { live: false, settled: false })
  await t.rejects(service.addTag(owner, ID, 'more'), { code: 'NOT_FOUND' })
  await t.rejects(service.patch(stranger, ID, NAMED), { code: 'NOT_FOUND' })
})

t.test('an operation whose end is not known is not begun again', async (t) => {
  const { service, registers } = nodeOf({}, {})
  registers.hasQuorum = false
  await t.rejects(service.patch(owner, ID, NAMED), { code: 'NO_QUORUM' })
  registers.hasQuorum = true
  registers.afterExecute = () => {
    throw new Error('the answers are lost')
  }
  await t.rejects(service.addTag(owner, ID, 'more'), { message: 'the answers are lost' })
  t.strictSame(registers.calls, ['image.add-tag'])
  t.equal(registers.reads, 0)
})
