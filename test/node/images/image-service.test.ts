import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { ImageStatus } from '../../../node/images/image-record.ts'
import {
  activeImage,
  admin,
  data,
  grantOf,
  ID,
  imageOf,
  memberOf,
  owner,
  PROJECT,
  queryOf,
  reader,
  savingImage,
  stranger,
} from './image-fixture.ts'
import { OTHER_ID, serviceOf } from './image-service-fixture.ts'

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

t.test('an image with clones in its store is not deleted; one whose store does not answer is', async (t) => {
  const { service, registers, memory } = serviceOf()
  const fast = memory.each.get('fast')!
  const locations = [{ url: 'memory://fast/a', metadata: {}, store: 'fast' }]
  fast.inUse.add('a')
  registers.put(activeImage({ locations, data: null }))
  await t.rejects(service.remove(stranger, ID), { code: 'NOT_FOUND' })
  await t.rejects(service.remove(owner, ID), { code: 'CONFLICT', message: /in use: the store fast/ })
  t.equal(registers.record(ID)?.status, 'active')
  fast.fail()
  await service.remove(owner, ID)
  t.match(registers.record(ID), { status: 'deleted', discarded: [{ store: 'fast' }] })
})
