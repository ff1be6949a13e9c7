import t from 'tap'
import { IMAGE_STATUSES } from '../../../node/images/image-record.ts'
import {
  activeImage,
  admin,
  data,
  decide,
  grantOf,
  imageOf,
  LATER,
  live,
  NOW,
  owner,
  savingImage,
  stranger,
  written,
} from './image-fixture.ts'

const EVEN_LATER = '2026-01-01T14:00:00Z'
const called = { grant: grantOf(owner), now: LATER }

function pendingFrom(status: 'active' | 'deactivated') {
  return written(decide('image.delete-later', live(activeImage({ status })), called))
}

t.test('an image with bytes waits for its end, with them', async (t) => {
  for (const status of ['active', 'deactivated'] as const) {
    const decision = decide('image.delete-later', live(activeImage({ status })), called)
    t.match(decision, { kind: 'write', next: { live: true } })
    t.match(written(decision), { status: 'pending_delete', deletedFrom: status, deletedAt: LATER, data })
  }
})

t.test('one without bytes is gone at once', async (t) => {
  for (const image of [imageOf(), savingImage()])
    t.match(decide('image.delete-later', live(image), called), {
      next: { live: false, record: { status: 'deleted', upload: null } },
    })
})

t.test('protected and hidden images stay', async (t) => {
  for (const caller of [owner, admin])
    t.match(
      decide('image.delete-later', live(activeImage({ protected: true })), {
        ...called,
        grant: grantOf(caller),
      }),
      { refusal: { code: 'FORBIDDEN' } },
    )
  t.match(
    decide('image.delete-later', live(activeImage({ visibility: 'private' })), {
      ...called,
      grant: grantOf(stranger),
    }),
    { refusal: { code: 'NOT_FOUND' } },
  )
})

t.test('nobody does anything to an image that waits', async (t) => {
  const pending = live(pendingFrom('active'))
  for (const grant of [grantOf(owner), grantOf(admin)]) {
    const quotas = { properties: 1, tags: 1 }
    t.match(decide('image.delete', pending, { grant, now: LATER }), { refusal: { code: 'NOT_FOUND' } })
    t.match(decide('image.patch', pending, { grant, now: LATER, changes: [], quotas }), {
      refusal: { code: 'NOT_FOUND' },
    })
    t.match(decide('image.deactivate', pending, { grant, now: LATER }), { refusal: { code: 'NOT_FOUND' } })
  }
})

t.test('an image that is taken back is what it was', async (t) => {
  for (const status of ['active', 'deactivated'] as const) {
    const restored = written(decide('image.restore', live(pendingFrom(status)), { now: EVEN_LATER }))
    t.strictSame(restored, { ...activeImage({ status }), updatedAt: EVEN_LATER })
  }
})

t.test('the scrubber ends what it saw deleted, and nothing else', async (t) => {
  const pending = pendingFrom('active')
  const buried = decide('image.scrub', live(pending), { deletedAt: LATER, now: EVEN_LATER })
  t.match(buried, { next: { live: false, record: { status: 'deleted', deletedAt: LATER } } })
  t.match(
    decide('image.scrub', live({ ...pending, deletedAt: EVEN_LATER }), {
      deletedAt: LATER,
      now: EVEN_LATER,
    }),
    { refusal: { code: 'CONFLICT' } },
    'taken back and deleted again meanwhile',
  )
})

for (const status of IMAGE_STATUSES.filter((one) => one !== 'pending_delete' && one !== 'deleted')) {
  t.test(`an image that is ${status} is neither scrubbed nor restored`, async (t) => {
    const current = live(imageOf({ status }))
    t.match(decide('image.scrub', current, { deletedAt: NOW, now: LATER }), { refusal: { code: 'CONFLICT' } })
    t.match(decide('image.restore', current, { now: LATER }), { refusal: { code: 'CONFLICT' } })
  })
}
