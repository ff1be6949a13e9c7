import t from 'tap'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { differences, movedFrom, recordOf, type MovedImage } from '../../../node/images/moved-image.ts'
import { ownUrl } from '../../../node/images/location-rules.ts'
import { parseMovedImage } from '../../../node/images/moved-image-form.ts'
import {
  activeImage,
  data,
  decide,
  grantOf,
  ID,
  imageOf,
  LATER,
  live,
  memberOf,
  NOW,
  owner,
  upload,
  written,
} from './image-fixture.ts'

const MD5 = 'ab'.repeat(16)
const SHA256 = 'cd'.repeat(32)

function comingOf(fields: Partial<MovedImage> = {}): MovedImage {
  return {
    ...movedFrom(activeImage({ checksum: MD5, hashAlgo: 'sha256', hashValue: SHA256 }))!,
    createdAt: '2019-01-01T00:00:00Z',
    updatedAt: '2020-01-01T00:00:00Z',
    virtualSize: 7,
    members: [memberOf('m1')],
    tags: ['b', 'a'],
    properties: { ['__proto__']: 'odd', hw: null },
    ...fields,
  }
}

const found = { uploadId: upload.uploadId, data, sizeBytes: 5, md5: MD5, multihash: SHA256 }
const arriveAt = (current: ImageRecord | null, image: MovedImage, overwrite = false) =>
  decide('image.arrive', current && live(current), { image, overwrite, now: LATER })
const start = (record: ImageRecord) => decide('image.start-arrival', live(record), { upload, now: LATER })

t.test('an image arrives: its record first, then its bytes, then it is what it was', (t) => {
  for (const status of ['active', 'deactivated'] as const) {
    const image = comingOf({ status })
    const queued = written(arriveAt(null, image))
    t.match(queued, {
      status: 'queued',
      size: null,
      checksum: null,
      data: null,
      tags: ['a', 'b'],
      createdAt: image.createdAt,
    })
    t.strictSame(differences(movedFrom(queued)!, image), [])
    const saving = written(start(queued))
    t.match(saving, { status: 'saving', upload })
    const whole = written(decide('image.finish-arrival', live(saving), { ...found, now: LATER }))
    t.match(whole, { status, data, upload: null, size: 5, virtualSize: 7, updatedAt: image.updatedAt })
    t.notOk('arriving' in whole)
    t.strictSame(differences(movedFrom(whole)!, image), [])
    t.equal(arriveAt(whole, image).kind, 'keep')
  }
  t.end()
})

t.test('hashes that nobody knew are filled in; those that were known stay', (t) => {
  const unknown = comingOf({ checksum: null, hashAlgo: null, hashValue: null })
  const saving = written(start(written(arriveAt(null, unknown))))
  const whole = written(decide('image.finish-arrival', live(saving), { ...found, now: LATER }))
  t.match(whole, { checksum: MD5, hashAlgo: 'sha512', hashValue: SHA256 })
  t.equal(arriveAt(whole, unknown).kind, 'keep')
  t.end()
})

t.test('while it arrives nobody else gives it bytes, and a broken arrival begins anew', (t) => {
  const queued = written(arriveAt(null, comingOf()))
  const grant = grantOf(owner)
  t.match(decide('image.start-upload', live(queued), { grant, upload, now: LATER }), {
    refusal: { code: 'CONFLICT' },
  })
  const location = { url: 'http://h/x', metadata: {}, sizeBytes: 5 }
  const added = { grant, location, claimed: null, hashing: null, quota: 9, now: LATER }
  t.match(decide('image.import-location', live(queued), added), { refusal: { code: 'CONFLICT' } })
  const saving = written(start(queued))
  t.match(start(saving), { refusal: { code: 'CONFLICT' } })
  const again = written(decide('image.abort-upload', live(saving), { uploadId: upload.uploadId, now: LATER }))
  t.strictSame(differences(movedFrom(again)!, comingOf()), [])
  t.equal(start(again).kind, 'write')
  t.match(start(imageOf()), { refusal: { code: 'CONFLICT' } }, 'an image of its own')
  t.end()
})

t.test('what is here is changed only when that is asked for, and its bytes never are', (t) => {
  const here = activeImage({ checksum: MD5, hashAlgo: 'sha256', hashValue: SHA256, name: 'changed' })
  const image = comingOf()
  t.match(arriveAt(here, image), { refusal: { code: 'CONFLICT', message: /name/ } })
  const taken = written(arriveAt(here, image, true))
  t.match(taken, { name: image.name, data, size: 5, status: 'active', updatedAt: image.updatedAt })
  t.strictSame(differences(movedFrom(taken)!, image), [])
  t.match(arriveAt(here, comingOf({ checksum: '00'.repeat(16) }), true), { refusal: { code: 'CONFLICT' } })
  t.match(arriveAt(imageOf({ status: 'saving', upload }), image, true), { refusal: { code: 'CONFLICT' } })
  const buried = decide('image.arrive', { live: false, record: here }, { image, overwrite: true, now: NOW })
  t.match(buried, { refusal: { message: /deleted here/ } })
  t.end()
})

t.test('what is said of an image in a back end is taken anew without its bytes', (t) => {
  const object = { url: 'file:///images/x', metadata: { store: 'files' }, store: 'files' }
  const outside = { url: 'http://h/x', metadata: {} }
  const own = { url: ownUrl(ID), metadata: {} }
  const image = comingOf({ name: 'new' })
  const before = comingOf({ name: 'old' })
  for (const [kept, locations] of [
    [null, [object, outside]],
    [data, [own, object, outside]],
  ] as const) {
    const lying = { ...recordOf({ ...before, hasBytes: false, locations: [...locations] }), data: kept }
    const taken = written(arriveAt(lying, image, true))
    t.match(taken, { name: 'new', status: 'active', data: kept, size: 5, checksum: MD5 })
    t.strictSame(taken.locations, locations.slice(0, -1), 'the URL is none that the source has')
    t.notOk('arriving' in taken || 'discarded' in taken)
  }
  t.end()
})

t.test('an image whose bytes stay outside is active at once', (t) => {
  const image = comingOf({ hasBytes: false, locations: [{ url: 'http://h/x', metadata: { a: 1 } }] })
  t.match(recordOf(image), { status: 'active', size: 5, locations: image.locations })
  t.strictSame(differences(movedFrom(recordOf(image))!, image), [])
  t.end()
})

t.test('the form: what is taken as it is, and what is refused by name', (t) => {
  const image = comingOf()
  t.strictSame(parseMovedImage(JSON.parse(JSON.stringify(image))), image)
  const wrong: [Partial<Record<keyof MovedImage | 'data', unknown>>, RegExp][] = [
    [{ id: ID.toUpperCase() }, /id must be/],
    [{ status: 'saving' }, /status must be one of/],
    [{ createdAt: '2020-01-01 00:00:00' }, /createdAt/],
    [{ size: -1 }, /size/],
    [{ hashAlgo: 'crc32c' }, /cannot compute crc32c/],
    [{ hashAlgo: null }, /come together/],
    [{ hashAlgo: 'sha512' }, /hashValue is no sha512/],
    [{ tags: ['a', 'a'] }, /same/],
    [{ members: [{ memberId: 'm' }] }, /members\[0\]/],
    [{ locations: [{ url: 'x', metadata: {} }] }, /locations\[0\]/],
    [{ properties: { a: 1 } }, /properties.a/],
    [{ hasBytes: false }, /has bytes/],
    [{ status: 'queued' }, /no bytes/],
    [{ data: {} }, /no field data/],
  ]
  for (const [fields, message] of wrong)
    t.throws(() => parseMovedImage({ ...image, ...fields }), { code: 'INVALID', message })
  t.throws(() => parseMovedImage([]), { code: 'INVALID' })
  t.end()
})
