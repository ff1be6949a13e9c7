import t from 'tap'
import { ChangedImages } from '../../../node/images/changed-images.ts'
import { imageOf, owner, queryOf } from './image-fixture.ts'

t.test(
  'an image that was deleted while the list was made is in a page once, and the page is not the last',
  async (t) => {
    const [a, b, c] = ['a', 'b', 'c'].map((id) => imageOf({ id }))
    const changed = new ChangedImages({
      monotonicMs: () => 0,
      live: () => [a!, b!, c!],
      deleted: () => [{ ...c!, deletedAt: c!.createdAt }],
    })
    const page = await changed.page(owner, queryOf({ limit: 2 }), { marker: null, maySee: () => true })
    t.strictSame(
      page.images.map(({ id }) => id),
      ['c'],
    )
    t.equal(page.more, true)
  },
)
