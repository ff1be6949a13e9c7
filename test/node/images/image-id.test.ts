import t from 'tap'
import { systemRandom } from '../../../cluster/runtime.ts'
import { newImageId } from '../../../node/images/image-id.ts'

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('ids are random UUIDs', async (t) => {
  const ids = Array.from({ length: 100 }, () => newImageId(systemRandom))
  for (const id of ids) t.match(id, UUID4)
  t.equal(new Set(ids).size, 100)
})

t.test('one that suits is taken where it can be had', async (t) => {
  const suits = (id: string) => id.endsWith('7')
  const ids = Array.from({ length: 100 }, () => newImageId(systemRandom, (id) => !suits(id)))
  t.equal(ids.filter(suits).length, 0)
})

t.test('where none can be had, any will do', async (t) => {
  t.match(
    newImageId(systemRandom, () => false),
    UUID4,
  )
})
