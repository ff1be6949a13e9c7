import t from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import type { KeptImage, OpenImage } from '../../../node/data/open-image.ts'
import type { ImagePolicy, PropertyAction } from '../../../node/images/image-policy.ts'
import type { ImageStatus } from '../../../node/images/image-record.ts'
import { ImageError } from '../../../node/errors.ts'
import type { ImageLocationsOptions } from '../../../node/images/image-locations.ts'
import type { Limits, ProjectLimits } from '../../../node/images/project-limits.ts'
import { ownUrl } from '../../../node/images/location-rules.ts'
import { ImageService, type ImageServiceOptions } from '../../../node/images/image-service.ts'
import type { UploadRequest } from '../../../node/images/image-uploader.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import {
  activeImage,
  admin,
  callerOf,
  data,
  grantOf,
  ID,
  imageOf,
  memberOf,
  owner,
  PROJECT,
  queryOf,
  quotas,
  reader,
  savingImage,
  stranger,
} from './image-fixture.ts'
import { MemoryRegisters } from './memory-registers.ts'

const URL = 'http://mirror.example/image'
const locationOptions: ImageLocationsOptions = {
  showMultipleLocations: true,
  showImageDirectUrl: true,
  isHttpOn: true,
  doSecureHash: true,
  quota: 3,
}
const OTHER_ID = '00000000-0000-4000-8000-000000000001'

interface Setting extends Partial<Omit<ImageServiceOptions, 'locations'>> {
  locations?: Partial<ImageLocationsOptions>
  policy?: ImagePolicy
  limits?: ProjectLimits | null
}

function serviceOf({
  staleLists = false,
  storageQuotaBytes = 0,
  delayedDelete = false,
  locations = {},
  policy = defaultPolicy,
  limits = null,
}: Setting = {}) {
  const registers = new MemoryRegisters()
  const opened: string[] = []
  const uploads: UploadRequest[] = []
  const whole = new Set<string>()
  const measured: string[] = []
  const image: KeptImage = {
    sizeBytes: 5,
    read: async function* () {},
    readFrom: (other, ...range) => other.read(...range),
  }
  const own = { image, failure: null as Error | null }
  const elsewhere: { image: OpenImage } = { image }
  const service = new ImageService(
    {
      identity: createIdentity(systemRandom),
      clock: new ManualClock('2026-02-03T04:05:06.789Z'),
      random: systemRandom,
      log: silentLog,
      registers: registers.images,
      index: registers.index,
      policy,
      limits,
      uploader: { upload: async (request) => void uploads.push(request) },
      reader: {
        open: async ({ root }) => {
          opened.push(root)
          if (own.failure) throw own.failure
          return own.image
        },
      },
      holdsWhole: (root) => whole.has(root),
      outside: {
        sizeOf: async (url) => {
          measured.push(url)
          if (url !== URL) throw new ImageError('INVALID', 'Invalid location')
          return 7
        },
        open: ({ urls }) => {
          opened.push(...urls)
          return elsewhere.image
        },
      },
      hasher: { begin: () => {} },
    },
    {
      quotas,
      memberQuota: 2,
      staleLists,
      storageQuotaBytes,
      delayedDelete,
      locations: { ...locationOptions, ...locations },
    },
  )
  return { service, registers, opened, uploads, whole, measured, own, elsewhere }
}

t.test('create', async (t) => {
  t.test('fills in what the draft leaves out', async (t) => {
    const { service } = serviceOf()
    const record = await service.create(owner, { name: 'x', tags: ['b', 'a', 'b'] })
    t.match(record.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    t.match(record, { name: 'x', status: 'queued', visibility: 'shared', owner: PROJECT, size: null })
    t.strictSame(record.tags, ['a', 'b'])
    t.equal(record.createdAt, '2026-02-03T04:05:06Z')
    t.equal(record.updatedAt, record.createdAt)
  })

  t.test('takes a chosen id once', async (t) => {
    const { service } = serviceOf()
    t.equal((await service.create(owner, { id: ID })).id, ID)
    await t.rejects(service.create(owner, { id: ID }), { code: 'CONFLICT' })
  })

  t.test('is not for readers', async (t) => {
    await t.rejects(serviceOf().service.create(reader, {}), { code: 'FORBIDDEN' })
  })

  t.test('lets only admins choose an owner or publish', async (t) => {
    const { service } = serviceOf()
    await t.rejects(service.create(owner, { owner: 'other' }), { code: 'FORBIDDEN' })
    await t.rejects(service.create(owner, { visibility: 'public' }), { code: 'FORBIDDEN' })
    const record = await service.create(admin, { owner: 'other', visibility: 'public' })
    t.match(record, { owner: 'other', visibility: 'public' })
    t.equal((await service.create(admin, { owner: '' })).owner, null)
  })

  t.test('counts quotas', async (t) => {
    const properties = { a: '', b: '', c: '', d: '' }
    await t.rejects(serviceOf().service.create(owner, { properties }), { code: 'TOO_LARGE' })
  })

  t.test('needs a majority', async (t) => {
    const { service, registers } = serviceOf()
    registers.hasQuorum = false
    await t.rejects(service.create(owner, {}), { code: 'NO_QUORUM' })
  })
})

t.test('show', async (t) => {
  t.test('answers what a majority holds', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf())
    t.match(await service.show(owner, ID), { value: { id: ID }, stale: false })
    t.equal(registers.reads, 1)
  })

  t.test('hidden, deleted and absent look alike', async (t) => {
    const { service, registers } = serviceOf()
    const hidden = await service.show(stranger, ID).catch((error: unknown) => error)
    registers.put(imageOf({ visibility: 'private' }))
    const absent = await service.show(stranger, ID).catch((error: unknown) => error)
    registers.put(imageOf({ status: 'deleted' }), { live: false })
    const deleted = await service.show(owner, ID).catch((error: unknown) => error)
    t.match(hidden, { code: 'NOT_FOUND' })
    t.strictSame([String(absent), String(deleted)], [String(hidden), String(hidden)])
  })

  t.test('without a majority: what this node knows, flagged', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf())
    registers.hasQuorum = false
    t.match(await service.show(owner, ID), { value: { id: ID }, stale: true })
    await t.rejects(service.show(stranger, ID), { code: 'NOT_FOUND' })
  })

  t.test('without a majority: an unknown id may be an image elsewhere', async (t) => {
    const { service, registers } = serviceOf()
    registers.hasQuorum = false
    await t.rejects(service.show(owner, ID), { code: 'UNAVAILABLE' })
  })

  t.test('without a majority: deleted as known here stays refused', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf({ status: 'deleted' }), { live: false })
    registers.hasQuorum = false
    await t.rejects(service.show(owner, ID), { code: 'NOT_FOUND' })
  })

  t.test('without a majority: a deletion that may not have been chosen decides nothing', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf({ status: 'deleted' }), { live: false, settled: false })
    registers.hasQuorum = false
    await t.rejects(service.show(owner, ID), { code: 'UNAVAILABLE' })
  })

  t.test('an error that is no lost majority is passed on', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf())
    registers.read = () => Promise.reject(new ClusterError('CORRUPT_VALUE', 'damaged'))
    await t.rejects(service.show(owner, ID), { code: 'CORRUPT_VALUE' })
  })
})

t.test('with delayed_delete an image vanishes for everybody and is kept all the same', async (t) => {
  const { service, registers } = serviceOf({ delayedDelete: true, storageQuotaBytes: 6 })
  registers.put(activeImage())
  await service.remove(owner, ID)
  t.match(registers.index.get(ID), { status: 'pending_delete', data })
  for (const caller of [owner, admin]) {
    await t.rejects(service.show(caller, ID), { code: 'NOT_FOUND' })
    await t.rejects(service.openData(caller, ID), { code: 'NOT_FOUND' })
    await t.rejects(service.remove(caller, ID), { code: 'NOT_FOUND' })
    await t.rejects(service.patch(caller, ID, []), { code: 'NOT_FOUND' })
    await t.rejects(service.list(caller, queryOf({ marker: ID })), { code: 'INVALID' })
    const query = queryOf({ filters: [{ field: 'status', op: 'eq', values: ['pending_delete'] }] })
    t.strictSame((await service.list(caller, query)).value.images, [])
  }
  await t.rejects(service.create(owner, { id: ID }), { code: 'CONFLICT' })
  registers.put(imageOf({ id: OTHER_ID }))
  await t.resolves(service.upload(owner, OTHER_ID, (async function* () {})(), 6), 'its bytes leave the quota')
})

t.test('a location: looked at, decided in the register, read from where it is', async (t) => {
  const { service, registers, opened, measured } = serviceOf()
  registers.put(imageOf())
  const add = (url: string) => [{ kind: 'add-location' as const, at: null, location: { url, metadata: {} } }]
  await t.rejects(service.patch(owner, ID, add('http://away.example/')), { code: 'INVALID' })
  t.match(await service.patch(owner, ID, add(URL)), { status: 'active', size: 7 })
  t.match((await service.openData(owner, ID)).value, { sizeBytes: 5 })
  t.strictSame(opened, [URL])
  await t.rejects(service.patch(owner, ID, [{ kind: 'remove-location', at: 0 }]), { code: 'FORBIDDEN' })
  registers.beforeExecute = (name) => {
    registers.beforeExecute = () => {}
    // The location that was there when it was looked at is gone when the change is made.
    if (name === 'image.patch-locations') registers.put(activeImage({ size: 7 }))
  }
  const replace = [{ kind: 'replace-locations' as const, locations: [{ url: URL, metadata: { a: 1 } }] }]
  await t.rejects(service.patch(owner, ID, replace), { code: 'INVALID' })
  t.match(registers.calls.at(-1), 'image.patch-locations')
  t.equal(measured.filter((url) => url === URL).length, 1)
  registers.put(activeImage())
  t.match(await service.openData(owner, ID), { value: { sizeBytes: 5 } })
  t.equal(opened.at(-1), data.root, 'what the cluster keeps comes first')
})

t.test('an image that the nodes have lost comes from its location', async (t) => {
  const { service, registers, opened, own, elsewhere } = serviceOf()
  const twice = activeImage({
    locations: [
      { url: URL, metadata: {} },
      { url: ownUrl(ID), metadata: {} },
    ],
  })
  registers.put(twice)
  const lost = new ClusterError('CHUNK_UNAVAILABLE', 'no holder')
  const bytes = (text: string, failure: Error | null = null) =>
    async function* (start: number) {
      if (text !== '') yield { bytes: Buffer.from(text).subarray(start), release() {} }
      if (failure) throw failure
    }
  const read = async () => {
    const { value } = await service.openData(owner, ID)
    let text = ''
    for await (const lease of value!.read(0, 4, new AbortController().signal))
      text += Buffer.from(lease.bytes).toString()
    return text
  }
  const from = (text: string, failure: Error | null = null): KeptImage => ({
    sizeBytes: 5,
    read: bytes(text, failure),
    // Here the text must be as it was; what the manifest says of it is another test's.
    async *readFrom(other, start, end, signal) {
      for await (const lease of other.read(start, end, signal)) {
        if (!'there'.endsWith(Buffer.from(lease.bytes).toString()))
          throw new ImageError('UNAVAILABLE', 'other')
        yield lease
      }
    },
  })
  elsewhere.image = from('there')
  own.image = from('their')
  t.equal(await read(), 'their', 'whatever the order of the locations')
  own.image = from('', lost)
  t.equal(await read(), 'there', 'its chunks are lost')
  own.failure = lost
  t.equal(await read(), 'there', 'its manifest is lost')
  own.failure = new Error('a bug')
  await t.rejects(read(), { message: 'a bug' })
  own.failure = null
  own.image = from('th', lost)
  t.equal(await read(), 'there', 'a chunk in the middle is lost')
  own.image = from('th', new Error('a bug'))
  await t.rejects(read(), { message: 'a bug' })
  own.image = from('th', lost)
  elsewhere.image = from('thore')
  await t.rejects(read(), { code: 'UNAVAILABLE' }, 'other bytes are none')
  elsewhere.image = from('there')
  own.image = from('', lost)
  const off = serviceOf({ locations: { isHttpOn: false } })
  off.registers.put(twice)
  off.own.failure = lost
  await t.rejects(off.service.openData(owner, ID), { code: 'CHUNK_UNAVAILABLE' })
  t.ok(opened.includes(data.root))
})

t.test('patch, delete and upload', async (t) => {
  t.test('change what the caller may change', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf())
    const record = await service.patch(owner, ID, [{ kind: 'set', field: 'name', value: 'new' }])
    t.match(record, { name: 'new', updatedAt: '2026-02-03T04:05:06Z' })
    await service.remove(owner, ID)
    await t.rejects(service.show(owner, ID), { code: 'NOT_FOUND' })
  })

  t.test('say 404 to who may not see, and propose nothing', async (t) => {
    const { service, registers, uploads } = serviceOf()
    registers.put(imageOf({ visibility: 'private' }))
    const body = (async function* () {})()
    await t.rejects(service.patch(stranger, ID, []), { code: 'NOT_FOUND' })
    await t.rejects(service.remove(stranger, ID), { code: 'NOT_FOUND' })
    await t.rejects(service.upload(stranger, ID, body, null), { code: 'NOT_FOUND' })
    t.strictSame(registers.calls, [])
    t.strictSame(uploads, [])
  })

  t.test('say 403 to who may see but not do it', async (t) => {
    const { service, registers, uploads } = serviceOf()
    registers.put(imageOf({ visibility: 'public' }))
    const body = (async function* () {})()
    for (const caller of [stranger, reader]) {
      const change = [{ kind: 'set' as const, field: 'name' as const, value: 'new' }]
      await t.rejects(service.patch(caller, ID, change), { code: 'FORBIDDEN' })
      await t.rejects(service.remove(caller, ID), { code: 'FORBIDDEN' })
      await t.rejects(service.upload(caller, ID, body, null), { code: 'FORBIDDEN' })
    }
    const publish = [{ kind: 'set' as const, field: 'visibility' as const, value: 'public' }]
    await t.rejects(service.patch(owner, ID, publish), { code: 'FORBIDDEN' })
    await service.patch(admin, ID, publish)
    // As in Glance, nobody is asked about a patch without operations.
    await service.patch(stranger, ID, [])
    t.strictSame(uploads, [])
  })

  t.test('ask the policy again when the image changed hands meanwhile', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf({ visibility: 'public' }))
    const execute = registers.execute.bind(registers)
    let proposals = 0
    registers.execute = async (...call) => {
      // Between what the policy saw and the operation.
      if (++proposals === 1) registers.put(imageOf({ visibility: 'public', owner: 'project-2' }))
      return execute(...call)
    }
    await t.rejects(service.remove(owner, ID), { code: 'FORBIDDEN' })
    t.equal(proposals, 1)
    t.equal(registers.record(ID)?.status, 'queued')
  })

  t.test('are refused without a majority', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf())
    registers.hasQuorum = false
    const body = (async function* () {})()
    await t.rejects(service.patch(owner, ID, []), { code: 'NO_QUORUM' })
    await t.rejects(service.remove(owner, ID), { code: 'NO_QUORUM' })
    await t.rejects(service.upload(owner, ID, body, null), { code: 'NO_QUORUM' })
    t.equal(registers.record(ID)?.status, 'queued')
  })

  t.test('an upload is handed on with the rights of its caller and no more', async (t) => {
    const { service, registers, uploads } = serviceOf()
    registers.put(imageOf())
    const body = (async function* () {})()
    await service.upload(owner, ID, body, 17)
    t.strictSame(uploads, [
      {
        grant: grantOf(owner, { project_id: PROJECT }),
        id: ID,
        body,
        declaredSizeBytes: 17,
        roomBytes: null,
      },
    ])
  })
})

t.test('a project fills its storage quota and no more', async (t) => {
  const { service, registers, uploads } = serviceOf({ storageQuotaBytes: 100 })
  const fill = (sizeBytes: number | null) => service.upload(owner, ID, (async function* () {})(), sizeBytes)
  registers.put(imageOf())
  registers.put({ ...activeImage(), id: OTHER_ID, size: 60 })
  registers.put(imageOf({ id: ID.replace('7', '8'), owner: 'project-2', size: 99, data }))
  await fill(null)
  await fill(40)
  t.match(uploads.splice(0), [{ roomBytes: 40 }, { roomBytes: 40 }])
  await t.rejects(fill(41), { code: 'TOO_LARGE', message: /40 remaining bytes/ })

  const saving = savingImage()
  registers.put({ ...saving, id: ID.replace('7', '9'), upload: { ...saving.upload!, reservedBytes: 30 } })
  await t.rejects(fill(11), { code: 'TOO_LARGE', message: /10 remaining bytes/ })
  await fill(10)
  t.match(uploads, [{ roomBytes: 10 }], 'what others have announced is taken')
})

t.test('open data', async (t) => {
  const open = (record = activeImage(), { quorum = true, held = true } = {}) => {
    const parts = serviceOf()
    parts.registers.put(record)
    parts.registers.hasQuorum = quorum
    if (held && record.data) parts.whole.add(record.data.root)
    return parts
  }

  t.test('gives the bytes of an active image', async (t) => {
    const { service, opened } = open()
    t.match(await service.openData(owner, ID), { value: { sizeBytes: 5, record: { id: ID } }, stale: false })
    t.strictSame(opened, [data.root])
  })

  for (const status of ['queued', 'saving', 'uploading', 'importing'] as ImageStatus[]) {
    t.test(`an image that is ${status} has no data yet`, async (t) => {
      t.strictSame(await open(imageOf({ status })).service.openData(owner, ID), { value: null, stale: false })
    })
  }

  t.test('is not for readers', async (t) => {
    await t.rejects(open().service.openData(reader, ID), { code: 'FORBIDDEN' })
  })

  t.test('a deactivated image is for admins only', async (t) => {
    const { service } = open(activeImage({ status: 'deactivated' }))
    await t.rejects(service.openData(owner, ID), { code: 'FORBIDDEN' })
    t.match(await service.openData(admin, ID), { value: { sizeBytes: 5 } })
  })

  t.test('without a majority: a whole local image is served, flagged', async (t) => {
    const { service } = open(activeImage(), { quorum: false })
    t.match(await service.openData(owner, ID), { value: { sizeBytes: 5 }, stale: true })
  })

  t.test('without a majority: what is not whole here is unavailable', async (t) => {
    const { service, opened } = open(activeImage(), { quorum: false, held: false })
    await t.rejects(service.openData(owner, ID), { code: 'UNAVAILABLE' })
    t.strictSame(opened, [])
  })

  t.test('without a majority: no data here is not no data', async (t) => {
    for (const record of [imageOf(), savingImage()])
      await t.rejects(open(record, { quorum: false }).service.openData(owner, ID), { code: 'UNAVAILABLE' })
  })

  t.test('without a majority: deactivated as known here stays refused', async (t) => {
    const { service } = open(activeImage({ status: 'deactivated' }), { quorum: false })
    await t.rejects(service.openData(owner, ID), { code: 'FORBIDDEN' })
  })
})

t.test('list', async (t) => {
  const three = () => {
    const parts = serviceOf()
    for (const id of ['a', 'b', 'c']) parts.registers.put(imageOf({ id }))
    return parts
  }

  t.test('says whether there may be more', async (t) => {
    const { service } = three()
    t.match((await service.list(owner, queryOf({ limit: 3 }))).value, { more: true })
    t.match((await service.list(owner, queryOf({ limit: 4 }))).value, { more: false })
    t.match((await service.list(owner, queryOf({ limit: 0 }))).value, { images: [], more: false })
  })

  t.test('shows an image as it was last settled, and asks nobody for it', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf({ name: 'settled' }))
    registers.put(imageOf({ name: 'under way' }), { settled: false })
    t.match((await service.list(owner, queryOf())).value.images, [{ name: 'settled' }])
    t.equal(registers.reads, 0)
  })

  t.test('lists nothing that may not have been chosen', async (t) => {
    const { service, registers } = serviceOf()
    registers.put(imageOf(), { settled: false })
    t.strictSame((await service.list(owner, queryOf())).value.images, [])
  })

  t.test('a marker must be known and visible', async (t) => {
    const { service, registers } = three()
    registers.put(imageOf({ id: 'secret', visibility: 'private', owner: 'x' }))
    await t.rejects(service.list(owner, queryOf({ marker: OTHER_ID })), { code: 'INVALID' })
    await t.rejects(service.list(owner, queryOf({ marker: 'secret' })), { code: 'INVALID' })
    const page = await service.list(owner, queryOf({ marker: 'b' }))
    t.strictSame(
      page.value.images.map(({ id }) => id),
      ['a'],
    )
  })

  t.test('without a majority: refused by default', async (t) => {
    const { service, registers } = three()
    registers.hasQuorum = false
    await t.rejects(service.list(owner, queryOf()), { code: 'UNAVAILABLE' })
  })

  t.test('without a majority: what this node knows, flagged, where the operator wants it', async (t) => {
    const { service, registers } = serviceOf({ staleLists: true })
    registers.put(imageOf({ members: [memberOf('project-2')] }))
    registers.hasQuorum = false
    t.match(await service.list(stranger, queryOf()), { value: { images: [{ id: ID }] }, stale: true })
    await t.rejects(service.list(owner, queryOf({ marker: OTHER_ID })), { code: 'UNAVAILABLE' })
  })
})

t.test('members, tags and activation go through the register', async (t) => {
  const { service, registers } = serviceOf()
  registers.put(activeImage())
  t.match(await service.addMember(owner, ID, 'project-2'), { memberId: 'project-2', status: 'pending' })
  t.equal((await service.list(stranger, queryOf())).value.images.length, 0, 'not accepted yet')
  t.equal((await service.list(stranger, queryOf({ memberStatus: 'pending' }))).value.images.length, 1)
  t.match(await service.answerMember(stranger, ID, 'project-2', 'accepted'), { status: 'accepted' })
  t.equal((await service.list(stranger, queryOf({ visibility: 'shared' }))).value.images.length, 1)
  t.equal((await service.members(owner, ID)).value.length, 1)
  t.match((await service.member(stranger, ID, 'project-2')).value, { status: 'accepted' })
  await t.rejects(service.member(owner, ID, 'none'), { code: 'NOT_FOUND' })

  registers.hasQuorum = false
  t.match(await service.members(owner, ID), { stale: true, value: { length: 1 } })
  registers.hasQuorum = true
  await service.removeMember(owner, ID, 'project-2')
  await t.rejects(service.show(stranger, ID), { code: 'NOT_FOUND' })
  await service.addTag(owner, ID, 'a')
  await service.addTag(owner, ID, 'b')
  await service.removeTag(owner, ID, 'a')
  await service.deactivate(owner, ID)
  t.match(registers.record(ID), { tags: ['b'], status: 'deactivated', members: { length: 0 } })
  await service.reactivate(owner, ID)
  t.equal(registers.record(ID)?.status, 'active')

  registers.put(activeImage({ visibility: 'private', members: [memberOf('project-2')] }))
  await t.rejects(service.members(owner, ID), { code: 'FORBIDDEN' })
  await t.rejects(service.member(owner, ID, 'project-2'), { code: 'NOT_FOUND' })
})

t.test('who may share, answer, tag and take out of use is for the policy to say', async (t) => {
  const allReject = async (code: string, calls: (() => Promise<unknown>)[]) => {
    for (const call of calls) await t.rejects(call, { code })
  }
  const { service, registers } = serviceOf()
  const members = [memberOf('project-2', 'pending'), memberOf('project-3', 'pending')]
  const memberReader = callerOf({ projectId: 'project-2', roles: ['reader'] })
  registers.put(activeImage({ members, tags: ['a'] }))
  for (const caller of [stranger, memberReader, reader]) {
    await allReject('FORBIDDEN', [
      () => service.addMember(caller, ID, 'other'),
      () => service.removeMember(caller, ID, 'project-2'),
      () => service.addTag(caller, ID, 'b'),
      () => service.removeTag(caller, ID, 'a'),
      () => service.deactivate(caller, ID),
      () => service.reactivate(caller, ID),
    ])
  }
  for (const caller of [owner, memberReader])
    await t.rejects(service.answerMember(caller, ID, 'project-2', 'accepted'), { code: 'FORBIDDEN' })

  // Members do not know of each other, and nobody may change one that is none.
  t.strictSame((await service.members(memberReader, ID)).value, members.slice(0, 1))
  t.equal((await service.members(reader, ID)).value.length, 2)
  await allReject('NOT_FOUND', [
    () => service.member(stranger, ID, 'project-3'),
    () => service.answerMember(stranger, ID, 'project-3', 'accepted'),
    () => service.removeMember(stranger, ID, 'project-3'),
    () => service.answerMember(owner, ID, 'none', 'accepted'),
    () => service.removeMember(owner, ID, 'none'),
  ])

  const roleless = callerOf({ roles: [] })
  const outsider = callerOf({ projectId: 'project-4' })
  await t.rejects(service.members(roleless, ID), { code: 'NOT_FOUND' })
  await allReject('NOT_FOUND', [
    () => service.addMember(outsider, ID, 'other'),
    () => service.removeMember(outsider, ID, 'project-2'),
    () => service.deactivate(outsider, ID),
  ])

  registers.put(activeImage({ visibility: 'public', members }))
  await t.rejects(service.answerMember(stranger, ID, 'project-2', 'accepted'), { code: 'FORBIDDEN' })
  await t.rejects(service.removeMember(owner, ID, 'none'), { code: 'FORBIDDEN' })
  await t.rejects(service.member(stranger, ID, 'project-2'), { code: 'NOT_FOUND' })
  t.match(registers.record(ID), { members, status: 'active' })

  registers.put(activeImage({ members }))
  await service.removeMember(admin, ID, 'project-3')
  await service.answerMember(admin, ID, 'project-2', 'rejected')
  t.match(registers.record(ID)?.members, [{ memberId: 'project-2', status: 'rejected' }])
})

t.test('protected properties', async (t) => {
  /** Everything to administrators; to others what the first part of the name says, as in `cr:x`. */
  const policy: ImagePolicy = {
    allows: (...asked) => defaultPolicy.allows(...asked),
    protectsProperties: true,
    allowsProperty: (action: PropertyAction, name, { isAdmin }) =>
      isAdmin || name.split(':')[0]!.includes(action.charAt(0)),
  }
  const { service } = serviceOf({ policy })
  const all = { 'crud:a': '1', 'cu:b': '2' }
  const adminImage = await service.create(admin, { owner: PROJECT, properties: { ...all, 'r:c': '3' } })
  const { id } = adminImage
  type Change = Parameters<typeof service.patch>[2][number]
  const change = (
    op: 'add' | 'replace' | 'remove',
    name: string,
    ifPresent: 'overwrite' | 'conflict' = 'overwrite',
  ): Change => ({ kind: 'property', op, name, value: 'new', ifPresent })
  const patch = (...changes: Change[]) => service.patch(owner, id, changes)
  const seen = async (caller: typeof owner) => (await service.show(caller, id)).value.properties

  t.strictSame(adminImage.properties, { ...all, 'r:c': '3' })
  t.strictSame(await seen(owner), { 'crud:a': '1', 'r:c': '3' })
  const list = (property: string, value: string, caller = owner) =>
    service.list(caller, queryOf({ filters: [{ property, value }] })).then(({ value: page }) => page)
  t.match(await list('r:c', '3'), { images: [{ id, properties: { 'crud:a': '1', 'r:c': '3' } }] })
  t.notOk('cu:b' in (await list('r:c', '3')).images[0]!.properties)
  t.strictSame(await list('cu:b', '2'), { images: [], more: false }, 'a filter tells nothing of it')
  t.equal((await list('cu:b', '2', admin)).images.length, 1)

  const made = await service.create(owner, { properties: { 'crud:a': '1', 'c:d': '2' } })
  t.strictSame(made.properties, { 'crud:a': '1' }, 'what it may create and not read')
  const reserved = (name: string) => ({ code: 'FORBIDDEN', message: `Attribute '${name}' is reserved.` })
  await t.rejects(service.create(owner, { properties: { 'rud:x': '1' } }), reserved('rud:x'))

  for (const dialect of ['overwrite', 'conflict'] as const) {
    await t.rejects(patch(change('add', 'rud:x', dialect)), reserved('rud:x'))
    await t.rejects(patch(change('add', 'c:y', dialect), change('add', 'c:y', dialect)), reserved('c:y'))
  }
  await t.rejects(patch(change('add', 'r:c')), reserved('r:c'))
  await t.rejects(patch(change('add', 'r:c', 'conflict')), { code: 'CONFLICT' })
  await t.rejects(patch(change('replace', 'r:c')), reserved('r:c'))
  await t.rejects(patch(change('remove', 'r:c')), reserved('r:c'))
  for (const op of ['replace', 'remove'] as const)
    await t.rejects(
      patch(change(op, 'cu:b')),
      { code: 'CONFLICT', message: /does not exist/ },
      'it is hidden',
    )
  await t.rejects(patch(change('replace', 'crud:a'), change('remove', 'r:c')), reserved('r:c'))
  t.strictSame(await seen(admin), { ...all, 'r:c': '3' }, 'all of a patch or nothing')

  t.strictSame((await patch(change('replace', 'crud:a'))).properties, { 'crud:a': 'new', 'r:c': '3' })
  t.strictSame((await patch(change('remove', 'crud:a'))).properties, { 'r:c': '3' })
  t.strictSame(await seen(admin), { 'cu:b': '2', 'r:c': '3' }, 'what is hidden stays')
  await patch(change('add', 'cu:b', 'conflict'))
  t.equal((await seen(admin))['cu:b'], 'new')
})

t.test('an image of which a property is hidden is shown with all else that it has', async (t) => {
  const policy: ImagePolicy = {
    allows: (...asked) => defaultPolicy.allows(...asked),
    protectsProperties: true,
    allowsProperty: (_action, name) => name !== 'hidden',
  }
  const { service, registers } = serviceOf({ policy })
  const locations = [{ url: URL, metadata: {} }]
  registers.put(activeImage({ data: null, properties: { hidden: '1', open: '2' }, locations }))
  const { value } = await service.show(owner, ID)
  t.strictSame(value.properties, { open: '2' })
  t.strictSame(service.shownLocations(owner, value), { locations, directUrl: URL })
})

t.test('limits of projects in Keystone', async (t) => {
  const MIB = 1024 ** 2
  const allowed: Limits = {
    image_size_total: 10,
    image_stage_total: 5,
    image_count_total: 3,
    image_count_uploading: 1,
  }
  const limits = { of: async (projectId: string) => (projectId === PROJECT ? allowed : unlimited) }
  const unlimited = { ...allowed, image_size_total: -1, image_count_total: -1, image_count_uploading: -1 }
  const { service, registers, uploads } = serviceOf({ limits })
  const idOf = (index: number) => ID.replace('7', String(index))
  const fill = (index: number, fields: object) => registers.put(activeImage({ id: idOf(index), ...fields }))
  const over = (limit: string, used: number, added: number) => ({
    code: 'TOO_LARGE',
    message:
      'The request returned a 413 Request Entity Too Large. This generally means that rate limiting or a quota threshold ' +
      `was breached.\n\nThe response body:\nProject ${PROJECT} is over a limit for [Resource ${limit} is over limit of ` +
      `${allowed[limit as keyof Limits]} due to current usage ${used} and delta ${added}]`,
  })
  const send = (id: string, size: number | null = 1, caller = owner) =>
    service.upload(caller, id, (async function* () {})(), size)

  fill(1, { size: 6 * MIB + 1 })
  fill(9, { size: 900 * MIB, owner: 'project-2' })
  const queued = await service.create(owner, {})
  await service.create(owner, {})
  await t.rejects(service.create(owner, {}), over('image_count_total', 3, 1))
  t.equal((await service.create(stranger, {})).owner, 'project-2')

  await send(queued.id, 400 * MIB)
  t.equal(uploads[0]?.roomBytes, null, 'the one that reaches the limit may exceed it')
  registers.put(savingImage({ id: idOf(2), upload: { ...savingImage().upload!, reservedBytes: 3 * MIB } }))
  await t.rejects(send(queued.id), over('image_count_uploading', 2, 0))
  await send(idOf(1))
  t.equal(uploads.length, 2, 'an image that takes no data is refused for that, elsewhere')
  t.strictSame(await service.usage(owner), {
    image_size_total: { usage: 9, limit: 10 },
    image_stage_total: { usage: 0, limit: 5 },
    image_count_total: { usage: 4, limit: 3 },
    image_count_uploading: { usage: 1, limit: 1 },
  })
  fill(3, { size: 5 * MIB })
  await t.rejects(send(queued.id), over('image_size_total', 14, 0))
  t.strictSame(await service.usage(callerOf({ projectId: null })), {})
  t.strictSame(await serviceOf().service.usage(owner), {})

  const reason = new Error('Keystone is away')
  const blind = serviceOf({ limits: { of: () => Promise.reject(reason) } })
  await t.rejects(blind.service.create(owner, {}), reason)
  blind.registers.put(imageOf({}))
  await t.rejects(blind.service.upload(owner, ID, (async function* () {})(), 1), reason)
  t.equal(blind.uploads.length, 0)
})
