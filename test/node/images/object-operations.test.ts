import t from 'tap'
import type { RecordState } from '../../../cluster/register/operations.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { locationOf, outsideUrls, ownUrl, storedObjects } from '../../../node/images/location-rules.ts'
import { StoreList } from '../../../node/images/store-list.ts'
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
  quotas,
  upload,
  UPLOAD_ID,
  written,
} from './image-fixture.ts'

const fast = { store: 'fast', url: 'memory://fast/a' }
const big = { store: 'big', url: 'memory://big/b' }
const URL = 'http://mirror.example/'
const grant = grantOf(owner)
const finished = { uploadId: UPLOAD_ID, sizeBytes: 5, virtualSize: null, md5: 'm5', sha512: 's5', now: LATER }
const claim = { ...upload, objects: [fast, big] }

/** The next state of a record that may be dead. */
function next(name: string, current: RecordState, args: object): ImageRecord {
  const decision = decide(name as 'image.delete', current, args as never)
  if (decision.kind !== 'write') throw new Error(JSON.stringify(decision))
  return decision.next.record as ImageRecord
}

const lying = (fields: Partial<ImageRecord> = {}) =>
  activeImage({ data: null, locations: [fast, big].map(locationOf), ...fields })

t.test('what an upload has named is the image’s, or is discarded', async (t) => {
  const saving = written(
    decide('image.start-upload', live(imageOf({ diskFormat: 'raw' })), { grant, upload: claim, now: LATER }),
  )
  t.match(saving, { status: 'saving', upload: { objects: [fast, big] } })
  const active = written(
    decide('image.finish-upload', live(saving), { ...finished, data: null, objects: [fast] }),
  )
  t.match(active, { status: 'active', data: null, upload: null, discarded: [big] })
  t.strictSame(active.locations, [{ url: fast.url, metadata: { store: 'fast' }, store: 'fast' }])
  for (const name of ['image.abort-upload', 'image.kill-upload'] as const) {
    const failed = written(decide(name, live(saving), { uploadId: UPLOAD_ID, now: LATER }))
    t.match(failed, { upload: null, discarded: [fast, big] })
  }
  t.match(next('image.delete', live(saving), { grant, now: LATER }), { discarded: [fast, big] })
})

t.test('a deleted image leaves its objects in the tombstone, as many lives as it had', async (t) => {
  const older = { store: 'big', url: 'memory://big/older' }
  const image = lying({ discarded: [older] })
  const dead = next('image.delete', live(image), { grant, now: LATER })
  t.strictSame(dead.discarded, [older, fast, big])
  t.equal(dead.locations, undefined)
  const pending = next('image.delete-later', live(image), { grant, now: LATER })
  t.strictSame(pending.discarded, [older], 'it may be taken back')
  const scrubbed = next('image.scrub', live(pending), { deletedAt: LATER, now: LATER })
  t.strictSame(scrubbed.discarded, [older, fast, big])
})

t.test('what is gone is forgotten, of the living and of the dead', async (t) => {
  const image = lying({ discarded: [fast, big] })
  for (const current of [live(image), { live: false, record: image }]) {
    const decision = decide('image.forget-objects', current, { urls: [fast.url] })
    t.match(decision, { kind: 'write', next: { live: current.live, record: { discarded: [big] } } })
    const rest = next('image.forget-objects', current, { urls: [fast.url, big.url] })
    t.notOk('discarded' in rest)
    t.strictSame(rest.locations, image.locations)
    t.equal(rest.updatedAt, image.updatedAt)
  }
  t.match(decide('image.forget-objects', live(lying()), { urls: [fast.url] }), {
    refusal: { code: 'NOT_FOUND' },
  })
})

t.test('an image leaves one of its stores, and no caller can make an object of a URL', async (t) => {
  const dropped = written(decide('image.drop-location', live(lying()), { grant, url: fast.url, now: LATER }))
  t.strictSame([storedObjects(dropped), dropped.discarded], [[big], [fast]])
  const replace = (locations: object[]) =>
    decide('image.patch-locations', live(lying()), {
      ...{ grant, quotas: { ...quotas, locations: 10 }, now: LATER },
      changes: [{ kind: 'replace-locations', locations: locations as never }],
    })
  const told = written(replace([fast, big].map(({ url }) => ({ url, metadata: { a: '1' }, store: 'http' }))))
  t.strictSame(storedObjects(told), [fast, big], 'whose it is stays')
  const added = written(
    decide('image.patch-locations', live(lying()), {
      ...{ grant, quotas: { ...quotas, locations: 10 }, now: LATER },
      changes: [
        {
          kind: 'add-location',
          at: null,
          location: { url: URL, metadata: { store: 'fast' }, store: 'fast', sizeBytes: 5 },
        },
      ],
    }),
  )
  t.strictSame(storedObjects(added), [fast, big])
  t.strictSame(outsideUrls(added), [URL])
})

t.test('a copy comes beside what there is; an import is where its stores are', async (t) => {
  const copying = activeImage({ upload: { ...claim, onFailure: 'end-import' } })
  const copied = written(
    decide('image.finish-import', live(copying), {
      ...finished,
      data: null,
      objects: [fast],
      failed: ['big'],
    }),
  )
  t.match(copied, { data, discarded: [big], properties: { os_glance_failed_import: 'big' } })
  t.strictSame(
    copied.locations?.map(({ url }) => url),
    [ownUrl(ID), fast.url],
  )
  const staged = {
    ...data,
    sizeBytes: 5,
    virtualSize: 7,
    md5: 'm5',
    sha512: 's5',
    problem: null,
    stagedAt: LATER,
  }
  const importing = imageOf({ status: 'importing', staged, upload: claim })
  const args = { uploadId: UPLOAD_ID, objects: [fast, big], failed: [], now: LATER }
  const moved = written(decide('image.import-staged', live(importing), { ...args, isKept: false }))
  t.match(moved, { status: 'active', data: null, size: 5, virtualSize: 7, checksum: 'm5' })
  t.notOk('staged' in moved || 'discarded' in moved)
  const both = written(decide('image.import-staged', live(importing), { ...args, isKept: true }))
  t.strictSame(
    both.locations?.map(({ url }) => url),
    [ownUrl(ID), fast.url, big.url],
  )
  t.match(both.data, { root: data.root })
})

t.test('stores are looked through by weight, unless a caller prefers others', async (t) => {
  const info = (id: string, weight: number) => ({
    id,
    type: 's3' as const,
    weight,
    description: null,
    properties: {},
  })
  const backends = [info('fast', 1), info('big', 9)]
  const stores = new StoreList({ clusterId: 'cluster', isHttpOn: true, backends, defaultId: 'big' })
  const image = lying({ data, locations: [...[fast, big].map(locationOf), { url: URL, metadata: {} }] })
  t.strictSame(stores.of(image), ['cluster', 'big', 'fast', 'http'])
  const urls = (preferred: string[]) => stores.places(image, preferred).map(({ url }) => url)
  t.strictSame(urls([]), [big.url, fast.url, URL])
  t.strictSame(urls(['fast']), [fast.url, big.url, URL])
  t.strictSame(urls(['http']), [URL, big.url, fast.url])
  t.notOk(stores.prefersElsewhere(image, ['cluster', 'fast']))
  t.ok(stores.prefersElsewhere(image, ['fast', 'cluster']))
  t.strictSame(
    [fast.url, URL, ownUrl(ID)].map((url) => stores.ofUrl(image, url)),
    ['fast', 'http', 'cluster'],
  )
  t.match(
    stores.all.find(({ isDefault }) => isDefault),
    { id: 'big', isReadOnly: false },
  )
  t.strictSame(stores.writable, ['cluster', 'fast', 'big'])
  const fewer = new StoreList({ clusterId: 'cluster', isHttpOn: false, backends: [info('big', 0)] })
  t.strictSame(
    fewer.places(image).map(({ url }) => url),
    [big.url],
    'what is not enabled here is not asked',
  )
})
