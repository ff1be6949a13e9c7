import t from 'tap'
import { imageOperations } from '../../../node/images/image-operations.ts'
import type { ImageRecord, ImageUpload, StagedData } from '../../../node/images/image-record.ts'
import { locationOf } from '../../../node/images/location-rules.ts'
import { refusalToImport } from '../../../node/images/import-operations.ts'
import {
  activeImage,
  data,
  decide,
  grantOf,
  ID,
  imageOf,
  LATER,
  live,
  NOW,
  owner,
  ROOT,
  stranger,
  upload,
  UPLOAD_ID,
  written,
} from './image-fixture.ts'

const TASK = '11111111-2222-4333-8444-555555555555'
const CLAIM = TASK.replaceAll('-', '')
const grant = grantOf(owner)
const staged: StagedData = {
  ...data,
  sizeBytes: 5,
  virtualSize: 7,
  md5: 'm5',
  sha512: 's5',
  problem: null,
  stagedAt: NOW,
}
const claim = { ...upload, uploadId: CLAIM, onFailure: 'end-import' as const }
const URL = 'http://mirror.example/'

function stagedImage(fields: Partial<ImageRecord> = {}): ImageRecord {
  return imageOf({ status: 'uploading', staged, size: 5, ...fields })
}

function begin(
  image: ImageRecord,
  method: 'glance-direct' | 'web-download' | 'copy-image',
  bytes = UPLOAD_ID,
) {
  return decide('image.begin-import', live(image), {
    grant,
    method,
    upload: claim,
    taskId: TASK,
    stores: ['main', 'other'],
    staged: method === 'glance-direct' ? bytes : null,
    now: LATER,
  })
}

const ended = { uploadId: CLAIM, now: LATER }

t.test('bytes are staged: the image waits, and shows its size alone', async (t) => {
  const started = written(decide('image.start-stage', live(imageOf()), { grant, upload, now: NOW }))
  t.match(started, { status: 'uploading', upload, size: null })
  const finished = written(
    decide('image.finish-stage', live(started), { uploadId: UPLOAD_ID, staged, now: LATER }),
  )
  t.match(finished, { status: 'uploading', upload: null, size: 5, virtualSize: null, checksum: null, staged })
  t.equal(finished.data, null)
  const expired = written(decide('image.expire-stage', live(finished), { uploadId: UPLOAD_ID, now: LATER }))
  t.match(expired, { status: 'queued', size: null })
  t.notOk('staged' in expired)
})

t.test('what may not be staged', async (t) => {
  const start = (image: ImageRecord, by = owner) =>
    decide('image.start-stage', live(image), { grant: grantOf(by), upload, now: NOW })
  for (const status of ['saving', 'uploading', 'importing', 'active', 'deactivated'] as const)
    t.match(start(imageOf({ status })), { kind: 'refuse', refusal: { code: 'CONFLICT' } }, status)
  t.match(start(imageOf({ visibility: 'private' }), stranger), {
    kind: 'refuse',
    refusal: { code: 'NOT_FOUND' },
  })
})

t.test('only its own upload ends a stage', async (t) => {
  const started = imageOf({ status: 'uploading', upload })
  for (const name of ['image.finish-stage', 'image.abort-stage'] as const)
    t.match(decide(name, live(started), { uploadId: CLAIM, staged, now: LATER }), { kind: 'refuse' }, name)
  // The bytes of an upload that goes on are not there yet; those of another stage are not these.
  t.match(decide('image.expire-stage', live(started), { uploadId: UPLOAD_ID, now: LATER }), {
    kind: 'refuse',
  })
  t.match(decide('image.expire-stage', live(stagedImage()), ended), { kind: 'refuse' })
  t.match(written(decide('image.abort-stage', live(started), { uploadId: UPLOAD_ID, now: LATER })), {
    status: 'queued',
    upload: null,
  })
})

t.test('staged bytes become the data of the image as they are', async (t) => {
  const importing = written(begin(stagedImage(), 'glance-direct'))
  t.match(importing, {
    status: 'importing',
    upload: claim,
    properties: { os_glance_import_task: TASK, os_glance_importing_to_stores: 'main,other' },
  })
  const active = written(decide('image.import-staged', live(importing), ended))
  t.match(active, {
    status: 'active',
    upload: null,
    size: 5,
    virtualSize: 7,
    checksum: 'm5',
    hashAlgo: 'sha512',
    hashValue: 's5',
    data,
  })
  t.notOk('staged' in active)
  t.strictSame(active.properties, { os_glance_importing_to_stores: '', os_glance_failed_import: '' })
})

t.test('what is known against staged bytes refuses their import', async (t) => {
  const problem = 'It is no qcow2.'
  const importing = written(begin(stagedImage({ staged: { ...staged, problem } }), 'glance-direct'))
  t.match(decide('image.import-staged', live(importing), ended), {
    kind: 'refuse',
    refusal: { code: 'UNSUPPORTED_MEDIA', message: problem },
  })
})

t.test(
  'an import that failed gives the image back queued; one whose node is gone keeps what was staged',
  async (t) => {
    const importing = written(begin(stagedImage(), 'glance-direct'))
    const failed = written(decide('image.fail-import', live(importing), ended))
    t.match(failed, { status: 'queued', size: null, upload: null })
    t.notOk('staged' in failed)
    t.strictSame(failed.properties, {
      os_glance_importing_to_stores: '',
      os_glance_failed_import: 'main,other',
    })
    const left = written(decide('image.end-import', live(importing), ended))
    t.match(left, { status: 'uploading', size: 5, upload: null, staged })
    t.equal(refusalToImport(left, 'glance-direct'), null)
    const download = written(begin(imageOf(), 'web-download'))
    t.match(written(decide('image.end-import', live(download), ended)), { status: 'queued', size: null })
  },
)

t.test('bytes that were fetched make the image active', async (t) => {
  const importing = written(begin(imageOf(), 'web-download'))
  const args = { ...ended, data, sizeBytes: 9, virtualSize: null, md5: 'm', sha512: 's' }
  t.match(written(decide('image.finish-import', live(importing), args)), {
    status: 'active',
    size: 9,
    checksum: 'm',
    hashValue: 's',
    data: { root: ROOT },
  })
  t.match(decide('image.finish-import', live(importing), { ...args, uploadId: UPLOAD_ID }), {
    kind: 'refuse',
  })
})

t.test('what an import makes of an image beside its bytes, but nothing of the service itself', async (t) => {
  const changes = {
    properties: { hw: '1', os_glance_import_task: 'x' },
    formats: { diskFormat: 'raw', containerFormat: 'bare' },
  }
  const properties = { hw: '1', os_glance_importing_to_stores: '', os_glance_failed_import: '' }
  const importing = written(begin(imageOf({ diskFormat: 'qcow2' }), 'web-download'))
  const args = { ...ended, data, sizeBytes: 9, virtualSize: 9, md5: 'm', sha512: 's', changes }
  const active = written(decide('image.finish-changed-import', live(importing), args))
  t.match(active, { status: 'active', diskFormat: 'raw', size: 9 })
  t.strictSame(active.properties, properties)
  const kept = { ...changes, formats: null }
  const waiting = written(begin(stagedImage(), 'glance-direct'))
  const adopted = written(decide('image.import-changed-stage', live(waiting), { ...ended, changes: kept }))
  t.match(adopted, { status: 'active', data, diskFormat: waiting.diskFormat })
  t.strictSame(adopted.properties, properties)
})

t.test('a copy comes beside what is there, whatever else is done to the image meanwhile', async (t) => {
  const located = activeImage({ data: null, locations: [{ url: URL, metadata: {} }] })
  const copying = written(begin(located, 'copy-image'))
  t.match(copying, { status: 'active', upload: claim })
  const args = { ...ended, data, sizeBytes: 5, virtualSize: null, md5: 'x', sha512: 'y' }
  for (const status of ['active', 'deactivated'] as const) {
    const copied = written(decide('image.finish-import', live({ ...copying, status }), args))
    t.match(copied, { status, data, checksum: 'c5', hashValue: 'd5', size: 5, upload: null })
    t.strictSame(
      copied.locations?.map(({ url }) => url),
      [`serac://${ID}`, URL],
    )
  }
  t.match(written(decide('image.fail-import', live(copying), ended)), {
    status: 'active',
    upload: null,
    locations: [{ url: URL }],
    properties: { os_glance_failed_import: 'main,other' },
  })
})

t.test('which image may be imported how', async (t) => {
  const code = (image: ImageRecord, method: Parameters<typeof refusalToImport>[1]) =>
    refusalToImport(image, method)?.message ?? null
  t.equal(code(imageOf(), 'web-download'), null)
  t.equal(code(stagedImage(), 'glance-direct'), null)
  t.equal(code(activeImage({ data: null }), 'copy-image'), null)
  t.match(code(imageOf(), 'glance-direct'), /needs to be staged/)
  t.match(code(imageOf({ status: 'uploading', upload }), 'glance-direct'), /still being staged/)
  t.match(code(stagedImage(), 'web-download'), /'queued' state/)
  t.match(code(imageOf(), 'copy-image'), /status active/)
  t.match(code(activeImage(), 'web-download'), /cannot be target/)
  t.equal(code(activeImage(), 'copy-image'), null, 'there may be other stores')
  t.match(code(imageOf({ containerFormat: null }), 'web-download'), /container_format/)
  t.match(code(imageOf({ diskFormat: null }), 'web-download'), /disk_format/)
  t.match(code(imageOf({ properties: { os_glance_import_task: TASK } }), 'web-download'), /active task/)
})

t.test('an image is copied to no store twice', async (t) => {
  const object = { store: 'other', url: 'x://other/a' }
  const toOther = { ...claim, objects: [{ store: 'other', url: 'x://other/b' }] }
  const copy = (image: ImageRecord, stores: string[], by: ImageUpload) =>
    decide('image.begin-import', live(image), {
      ...{ grant, method: 'copy-image', taskId: TASK, staged: null, now: LATER },
      upload: by,
      stores,
    })
  const refused = { refusal: { code: 'CONFLICT', message: /copied already/ } }
  const there = activeImage({ locations: [locationOf(object)] })
  t.match(copy(there, ['main'], claim), refused)
  t.match(copy(there, ['other'], toOther), refused)
  t.match(copy(activeImage(), ['other'], toOther), { kind: 'write' })
  t.match(copy({ ...there, data: null }, ['main'], claim), { kind: 'write' })
})

t.test('the import of bytes that were staged anew meanwhile is decided again', async (t) => {
  t.match(begin(stagedImage(), 'glance-direct', 'cd'.repeat(16)), {
    kind: 'refuse',
    refusal: { code: 'BASIS_CHANGED' },
  })
})

t.test('a deleted image keeps nothing of what was staged', async (t) => {
  const decision = decide('image.delete', live(stagedImage()), { grant, now: LATER })
  t.match(decision, { kind: 'write', next: { live: false, record: { status: 'deleted', upload: null } } })
  t.notOk('staged' in written(decision))
})

t.test('what the service notes takes no place of a quota, and copies follow the property', async (t) => {
  const properties = { a: '1', b: '2', os_glance_failed_import: '', os_glance_importing_to_stores: '' }
  const changes = [
    { kind: 'property', op: 'add', name: 'serac_replicas', value: '2', ifPresent: 'overwrite' } as const,
  ]
  const args = { grant, changes, quotas: { properties: 3, tags: 3 }, now: LATER }
  const patched = written(decide('image.patch', live(stagedImage({ properties })), args))
  t.equal(patched.staged?.copies, 2)
  t.ok(imageOperations['image.begin-import'])
})
