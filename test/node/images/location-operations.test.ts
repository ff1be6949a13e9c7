import t from 'tap'
import type { Decision } from '../../../cluster/register/operations.ts'
import type { ImageChange } from '../../../node/images/image-requests.ts'
import { IMAGE_STATUSES, type ImageRecord } from '../../../node/images/image-record.ts'
import {
  locationsOf,
  outsideUrls,
  ownUrl,
  type NewLocation,
  type ValidationData,
} from '../../../node/images/location-rules.ts'
import {
  activeImage,
  data,
  decide,
  grantOf,
  ID,
  imageOf,
  LATER,
  live,
  owner,
  written,
} from './image-fixture.ts'

const URL = 'http://mirror.example/image'
const OTHER_URL = 'https://other.example/image'
const SHA512 = 'ab'.repeat(64)
const MD5 = 'cd'.repeat(16)
const QUOTA = 2
const own = { url: ownUrl(ID), metadata: {} }
const at = (url: string, fields: Partial<NewLocation> = {}): NewLocation => ({
  url,
  metadata: {},
  sizeBytes: 5,
  ...fields,
})
const plain = (url: string) => ({ url, metadata: {} })
const validation = { checksum: MD5, hashAlgo: 'sha512', hashValue: SHA512 }

function patch(image: ImageRecord, ...changes: ImageChange[]): Decision {
  const quotas = { properties: 3, tags: 3, locations: QUOTA }
  return decide('image.patch-locations', live(image), { grant: grantOf(owner), changes, quotas, now: LATER })
}
const add = (location: NewLocation, place: number | null = null): ImageChange => ({
  kind: 'add-location',
  at: place,
  location,
})
const replace = (...locations: NewLocation[]): ImageChange => ({ kind: 'replace-locations', locations })
const remove = (place: number | null): ImageChange => ({ kind: 'remove-location', at: place })
const refusal = (code: string) => ({ kind: 'refuse', refusal: { code } })

t.test('what the cluster keeps is a location of its own', async (t) => {
  t.strictSame(locationsOf(imageOf()), [])
  t.strictSame(locationsOf(activeImage()), [own])
  t.strictSame(outsideUrls(activeImage()), [])
})

t.test('the first location makes a queued image active, with what is said of the bytes', async (t) => {
  for (const change of [add(at(URL, { validation })), replace(at(URL, { validation }))])
    t.match(written(patch(imageOf(), change)), {
      status: 'active',
      size: 5,
      locations: [plain(URL)],
      checksum: MD5,
      hashAlgo: 'sha512',
      hashValue: SHA512,
      data: null,
      updatedAt: LATER,
    })
  t.match(written(patch(imageOf(), add(at(URL)))), { status: 'active', checksum: null, hashValue: null })
  t.match(patch(imageOf({ diskFormat: null }), add(at(URL))), refusal('INVALID'))
  const formats: ImageChange = { kind: 'set', field: 'diskFormat', value: 'raw' }
  t.match(written(patch(imageOf({ diskFormat: null }), formats, add(at(URL)))), { status: 'active' })
})

t.test('further ones stand where they are put', async (t) => {
  const image = activeImage()
  t.strictSame(written(patch(image, add(at(URL)))).locations, [own, plain(URL)])
  t.strictSame(written(patch(image, add(at(URL), 0))).locations, [plain(URL), own])
  t.strictSame(written(patch(image, add(at(URL), 77))).locations, [own, plain(URL)])
  t.equal(written(patch(image, add(at(URL)))).data, data)
  t.strictSame(outsideUrls(written(patch(image, add(at(URL))))), [URL])
})

for (const status of IMAGE_STATUSES.filter((one) => !['active', 'queued', 'pending_delete'].includes(one)))
  t.test(`none is added, replaced or removed while ${status}`, async (t) => {
    const image = activeImage({ status, locations: [own, plain(URL)] })
    for (const change of [add(at(OTHER_URL)), replace(at(URL), own), remove(0)])
      t.match(patch(image, change), refusal('CONFLICT'))
  })

t.test('no location twice, none of other bytes, not more than the quota', async (t) => {
  const image = activeImage({ locations: [own, plain(URL)] })
  t.match(patch(activeImage({ locations: [plain(URL)] }), add(at(URL))), refusal('INVALID'))
  t.match(patch(imageOf(), replace(at(URL), at(URL))), refusal('INVALID'))
  t.match(patch(image, add(at(OTHER_URL))), refusal('TOO_LARGE'))
  t.match(patch(imageOf(), replace(at(URL), at(OTHER_URL), at(`${URL}3`))), refusal('TOO_LARGE'))
  t.match(patch(activeImage(), add(at(URL, { sizeBytes: 6 }))), refusal('INVALID'))
  t.match(patch(imageOf(), replace(at(URL), at(OTHER_URL, { sizeBytes: 6 }))), refusal('INVALID'))
  const unmeasured: NewLocation = plain(URL)
  t.match(
    patch(activeImage(), add(unmeasured)),
    refusal('BASIS_CHANGED'),
    'the image had it when it was asked',
  )
})

t.test('to replace changes what is said of locations, never which there are', async (t) => {
  const image = activeImage({ locations: [own, plain(URL)] })
  const said = [{ url: URL, metadata: { zone: 'b' } }, own]
  t.strictSame(written(patch(image, replace(...said))).locations, said)
  t.equal(written(patch(image, replace(...said))).data, data)
  for (const others of [[own], [own, at(OTHER_URL)], [at(URL)]])
    t.match(patch(image, replace(...others)), refusal('INVALID'))
})

t.test('what is removed takes the bytes in the cluster along, and never all there is', async (t) => {
  const image = activeImage({ locations: [own, plain(URL)] })
  t.match(written(patch(image, remove(0))), {
    locations: [plain(URL)],
    data: null,
    status: 'active',
    size: 5,
  })
  for (const place of [1, null]) t.match(written(patch(image, remove(place))), { locations: [own], data })
  t.match(patch(image, remove(2)), refusal('INVALID'))
  t.match(patch(activeImage(), remove(0)), refusal('FORBIDDEN'))
  t.match(patch(image, remove(0), remove(0)), refusal('FORBIDDEN'))
})

t.test('digests that are said must fit those that are known, and one another', async (t) => {
  const known = { checksum: MD5, hashAlgo: 'sha512', hashValue: SHA512 }
  t.match(written(patch(activeImage(known), add(at(URL, { validation })))), known)
  const other = { hashAlgo: 'sha512', hashValue: 'ef'.repeat(64) }
  t.match(patch(activeImage(known), add(at(URL, { validation: other }))), refusal('CONFLICT'))
  const bare = activeImage({ checksum: null, hashAlgo: null, hashValue: null })
  t.match(patch(bare, add(at(URL, { validation }))), refusal('CONFLICT'), 'too late')
  const pair = [at(URL, { validation }), at(OTHER_URL, { validation: other })]
  t.match(patch(imageOf(), replace(...pair)), refusal('CONFLICT'))
  for (const wrong of [
    { ...validation, checksum: 'x'.repeat(32) },
    { ...validation, hashAlgo: 'md5' },
    { ...validation, hashValue: 'ab' },
    { ...validation, hashValue: 'zz'.repeat(64) },
  ])
    t.match(patch(imageOf(), add(at(URL, { validation: wrong }))), refusal('CONFLICT'))
})

const hashing = {
  hashId: 'h1',
  node: 'node-a',
  startNonce: '1'.repeat(16),
  hashAlgo: 'sha512' as const,
  expected: null,
}
const expecting = { ...hashing, expected: SHA512 }
const imported = (
  computation: ImageRecord['hashing'] | null,
  location = at(URL),
  claimed: ValidationData | null = null,
) =>
  decide('image.import-location', live(imageOf()), {
    grant: grantOf(owner),
    location,
    claimed,
    hashing: computation ?? null,
    quota: QUOTA,
    now: LATER,
  })
const digests = { hashId: 'h1', md5: MD5, multihash: SHA512, now: LATER }

t.test('an imported location: active at once, or when its digests are known', async (t) => {
  const claimed = { hashAlgo: 'sha256', hashValue: SHA512.slice(64) }
  t.match(written(imported(null, at(URL), claimed)), { status: 'active', ...claimed })
  t.match(written(imported(hashing)), { status: 'active', hashing, hashValue: null, size: 5 })
  t.match(written(imported(expecting)), { status: 'importing', hashing: expecting })
  const active = {
    grant: grantOf(owner),
    location: at(URL),
    claimed: null,
    hashing,
    quota: QUOTA,
    now: LATER,
  }
  for (const status of IMAGE_STATUSES.filter((one) => one !== 'queued' && one !== 'pending_delete'))
    t.match(decide('image.import-location', live(imageOf({ status })), active), refusal('CONFLICT'))
  t.match(
    decide('image.import-location', live(imageOf({ containerFormat: null })), active),
    refusal('INVALID'),
  )
})

t.test('digests that are computed are the image\u2019s; wrong ones give it back', async (t) => {
  for (const computation of [hashing, expecting]) {
    const done = written(decide('image.finish-hash', live(written(imported(computation))), digests))
    t.match(done, { status: 'active', checksum: MD5, hashAlgo: 'sha512', hashValue: SHA512 })
    t.notOk('hashing' in done)
  }
  const wrong = { ...digests, multihash: 'ef'.repeat(64) }
  const back = written(decide('image.finish-hash', live(written(imported(expecting))), wrong))
  t.strictSame(back, { ...imageOf(), updatedAt: LATER })
  t.match(decide('image.finish-hash', live(written(imported(hashing))), { ...digests, hashId: 'h2' }), {
    refusal: { code: 'CONFLICT' },
  })
})

t.test('a computation that is given up: what is active stays so, what waits is queued again', async (t) => {
  const ended = written(decide('image.abort-hash', live(written(imported(hashing))), digests))
  t.match(ended, { status: 'active', locations: [plain(URL)], hashValue: null })
  t.notOk('hashing' in ended)
  const back = written(decide('image.abort-hash', live(written(imported(expecting))), digests))
  t.strictSame(back, { ...imageOf(), updatedAt: LATER })
  t.match(decide('image.abort-hash', live(ended), digests), refusal('CONFLICT'))
})

t.test('a tombstone keeps no URL', async (t) => {
  const image = activeImage({ locations: [own, plain('http://user:secret@mirror.example/')], hashing })
  const called = { grant: grantOf(owner), now: LATER }
  const deleted = written(decide('image.delete', live(image), called))
  t.notMatch(JSON.stringify(deleted), /secret/)
  t.equal(deleted.data, data)
})
