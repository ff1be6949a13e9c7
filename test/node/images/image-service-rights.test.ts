import t from 'tap'
import type { ImagePolicy, PropertyAction } from '../../../node/images/image-policy.ts'
import type { Limits } from '../../../node/images/project-limits.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import {
  activeImage,
  admin,
  callerOf,
  data,
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
import { OTHER_ID, serviceOf, URL } from './image-service-fixture.ts'

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
