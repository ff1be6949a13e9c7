import t from 'tap'
import type { Grant } from '../../../node/images/image-policy.ts'
import { IMAGE_STATUSES, type ImageStatus } from '../../../node/images/image-record.ts'
import { imageIdOf, imageKey, imageOperations } from '../../../node/images/image-operations.ts'
import {
  activeImage,
  admin,
  data,
  decide,
  grantOf,
  ID,
  imageOf,
  LATER,
  live,
  NOW,
  owner,
  PROJECT,
  quotas,
  savingImage,
  stranger,
  upload,
  UPLOAD_ID,
  written,
} from './image-fixture.ts'

const digests = { md5: 'm5', sha512: 's512' }
const finished = { uploadId: UPLOAD_ID, data, sizeBytes: 5, virtualSize: 9, ...digests, now: LATER }
const start = { grant: grantOf(owner), upload, now: LATER }
const patch = (now = LATER) => ({
  grant: grantOf(owner),
  quotas,
  now,
  changes: [{ kind: 'set' as const, field: 'name' as const, value: 'other' }],
})
const without = (...left: ImageStatus[]) => IMAGE_STATUSES.filter((status) => !left.includes(status))

t.test('create writes the record as it was drafted', async (t) => {
  const record = imageOf()
  t.strictSame(written(decide('image.create', null, { record, quotas })), record)
})

t.test('an id is taken for good, also by a deleted image', async (t) => {
  const record = imageOf()
  for (const current of [live(record), { live: false, record }])
    t.match(decide('image.create', current, { record, quotas }), {
      kind: 'refuse',
      refusal: { code: 'CONFLICT' },
    })
})

t.test('quotas count from the start', async (t) => {
  const tags = { record: imageOf({ tags: ['a', 'b', 'c', 'd'] }), quotas }
  t.match(decide('image.create', null, tags), { refusal: { code: 'TOO_LARGE' } })
  const properties = { record: imageOf({ properties: { a: '', b: '', c: '', d: '' } }), quotas }
  t.match(decide('image.create', null, properties), { refusal: { code: 'TOO_LARGE' } })
  t.equal(decide('image.create', null, { ...properties, quotas: { properties: -1, tags: -1 } }).kind, 'write')
})

/** All others change what is there. */
const MAKING = ['image.create', 'image.arrive']

for (const name of Object.keys(imageOperations).filter((known) => !MAKING.includes(known))) {
  t.test(`${name} finds neither what was never there nor what was deleted`, async (t) => {
    const deleted = { live: false, record: imageOf({ status: 'deleted' }) }
    for (const current of [null, deleted])
      t.match(imageOperations[name]?.(current, { ...finished, ...patch() }), {
        refusal: { code: 'NOT_FOUND' },
      })
  })
}

t.test('queued becomes saving under the upload that asked', async (t) => {
  const record = written(decide('image.start-upload', live(imageOf()), start))
  t.match(record, { status: 'saving', upload, updatedAt: LATER })
})

for (const status of without('queued')) {
  t.test(`no upload begins on an image that is ${status}`, async (t) => {
    const decision = decide('image.start-upload', live(imageOf({ status })), start)
    t.match(decision, { refusal: { code: status === 'pending_delete' ? 'NOT_FOUND' : 'CONFLICT' } })
  })
}

t.test('an upload needs both formats', async (t) => {
  for (const field of ['diskFormat', 'containerFormat']) {
    const decision = decide('image.start-upload', live(imageOf({ [field]: null })), start)
    t.match(decision, { refusal: { code: 'INVALID' } })
  }
})

t.test('saving becomes active with all that is known of the bytes', async (t) => {
  const record = written(decide('image.finish-upload', live(savingImage()), finished))
  t.match(record, { status: 'active', data, size: 5, virtualSize: 9 })
  t.match(record, { checksum: 'm5', hashAlgo: 'sha512', hashValue: 's512' })
  t.equal(record.upload, null)
})

t.test('a failed upload leaves a queued image without sizes', async (t) => {
  const saving = savingImage({ size: 7, virtualSize: 7 })
  const record = written(decide('image.abort-upload', live(saving), { uploadId: UPLOAD_ID, now: LATER }))
  t.match(record, { status: 'queued', size: null, virtualSize: null, upload: null })
})

for (const name of ['image.finish-upload', 'image.abort-upload'] as const) {
  t.test(`${name} is for the upload that owns the image only`, async (t) => {
    const foreign = { ...finished, uploadId: 'cd'.repeat(16) }
    t.match(decide(name, live(savingImage()), foreign), { refusal: { code: 'CONFLICT' } })
    for (const status of without('saving'))
      t.match(
        decide(name, live(imageOf({ status, upload })), finished),
        { refusal: { code: 'CONFLICT' } },
        status,
      )
  })
}

for (const status of without('deleted', 'pending_delete')) {
  t.test(`an image that is ${status} can be deleted`, async (t) => {
    const current = live(imageOf({ status, upload, data }))
    const decision = decide('image.delete', current, { grant: grantOf(owner), now: LATER })
    t.match(decision, { kind: 'write', next: { live: false } })
    t.match(written(decision), { status: 'deleted', deletedAt: LATER, upload: null, data })
  })
}

t.test('a protected image cannot be deleted, not even by an admin', async (t) => {
  for (const caller of [owner, admin])
    t.match(
      decide('image.delete', live(imageOf({ protected: true })), { grant: grantOf(caller), now: LATER }),
      {
        refusal: { code: 'FORBIDDEN' },
      },
    )
})

t.test('a grant is refused when the image is not any more what it rests on', async (t) => {
  const attempts = (grant: Grant, record = imageOf()) => [
    decide('image.patch', live(record), { ...patch(), grant }),
    decide('image.delete', live(record), { grant, now: LATER }),
    decide('image.start-upload', live(record), { ...start, grant }),
  ]
  for (const decision of attempts(grantOf(stranger))) t.match(decision, { refusal: { code: 'NOT_FOUND' } })
  const asOwner = grantOf(owner, { owner: PROJECT })
  for (const decision of attempts(asOwner)) t.equal(decision.kind, 'write')
  const given = imageOf({ owner: 'project-2', visibility: 'public' })
  for (const decision of attempts(asOwner, given)) t.match(decision, { refusal: { code: 'BASIS_CHANGED' } })
  for (const decision of attempts(grantOf(admin), given)) t.equal(decision.kind, 'write')
  const unlike = grantOf(owner, { os_distro: null })
  for (const decision of attempts(unlike, imageOf({ properties: { os_distro: 'x' } })))
    t.match(decision, { refusal: { code: 'BASIS_CHANGED' } })
})

t.test('a patch changes the record and its time', async (t) => {
  t.match(written(decide('image.patch', live(imageOf()), patch())), { name: 'other', updatedAt: LATER })
})

t.test('an empty patch changes nothing, not even the time', async (t) => {
  const decision = decide('image.patch', live(imageOf()), { ...patch(), changes: [] })
  t.strictSame(decision, { kind: 'keep' })
})

t.test('times never run back, whatever the clock says', async (t) => {
  const record = written(decide('image.patch', live(imageOf({ updatedAt: LATER })), patch(NOW)))
  t.equal(record.updatedAt, LATER)
})

t.test('an operation keeps fields that it does not know', async (t) => {
  const newer = { ...activeImage(), fieldOfTomorrow: { deep: true } }
  t.match(written(decide('image.patch', live(newer), patch())), { fieldOfTomorrow: { deep: true } })
})

t.test('an operation leaves the record it was given alone', async (t) => {
  const record = savingImage()
  const before = structuredClone(record)
  decide('image.finish-upload', live(record), finished)
  decide('image.patch', live(record), patch())
  decide('image.delete', live(record), { grant: grantOf(owner), now: LATER })
  t.strictSame(record, before)
})

t.test('registers of images are told apart from others', async (t) => {
  t.equal(imageIdOf(imageKey(ID)), ID)
  t.equal(imageIdOf('config'), null)
})
