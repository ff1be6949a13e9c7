import t from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { ImageError } from '../../../node/errors.ts'
import { ImageGuard } from '../../../node/images/image-guard.ts'
import { ImageLocations, type ImageLocationsOptions } from '../../../node/images/image-locations.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { ownUrl } from '../../../node/images/location-rules.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { noBackends } from '../../helpers/memory-backends.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { toldLocationTask } from '../../helpers/told-location-task.ts'
import { activeImage, admin, callerOf, ID, imageOf, owner, reader, stranger } from './image-fixture.ts'
import { MemoryRegisters } from './memory-registers.ts'

const URL = 'http://mirror.example/image'
const SHA512 = 'AB'.repeat(64)
const validation = { hashAlgo: 'sha512', hashValue: SHA512 }
const service = callerOf({ projectId: 'services', roles: ['service', 'reader'] })
const serviceOfUser = callerOf({ serviceRoles: ['service'] })
const away = new ImageError('INVALID', 'Invalid location: it is away.')

function locationsOf(record: ImageRecord, options: Partial<ImageLocationsOptions> = {}) {
  const registers = new MemoryRegisters()
  registers.put(record)
  const state = {
    sizeBytes: 7,
    roomBytes: Infinity,
    failure: null as Error | null,
    taskFailure: null as Error | null,
  }
  const asked: string[] = []
  const begun: string[] = []
  const task = toldLocationTask('c1')
  const locations = new ImageLocations(
    {
      identity: createIdentity(systemRandom),
      clock: new ManualClock(),
      guard: new ImageGuard({ policy: defaultPolicy, read: (id) => registers.images.read(id) }),
      registers: registers.images,
      ...noBackends(),
      outside: {
        sizeOf: async (url) => {
          asked.push(url)
          if (state.failure) throw state.failure
          return state.sizeBytes
        },
      },
      hasher: {
        begin: (imageId, task, applied) => {
          begun.push(`${imageId} ${task.claim}`)
          // As the hasher does, which leaves a refusal to whoever asked.
          applied.catch(() => {})
        },
      },
      tasks: {
        create: async () => {
          if (state.taskFailure) throw state.taskFailure
          return task
        },
      },
      requireRoom: async (_image, sizeBytes) => {
        if (sizeBytes > state.roomBytes) throw new ImageError('TOO_LARGE', 'no room')
      },
    },
    {
      showMultipleLocations: true,
      showImageDirectUrl: true,
      isHttpOn: true,
      doSecureHash: true,
      quota: 2,
      ...options,
    },
  )
  return { locations, registers, asked, begun, state, told: task.told }
}

t.test('who is shown where the bytes are', async (t) => {
  const image = activeImage({ visibility: 'public' })
  const all = { locations: [{ url: ownUrl(ID), metadata: {} }], directUrl: ownUrl(ID) }
  const none = { locations: [], directUrl: null }
  const { locations } = locationsOf(image)
  for (const caller of [owner, reader, admin]) t.strictSame(locations.shown(caller, image), all)
  t.strictSame(locations.shown(stranger, image), none, 'not of the owner\u2019s project')
  const deactivated = activeImage({ status: 'deactivated' })
  t.strictSame(locations.shown(owner, deactivated), none)
  t.strictSame(locations.shown(admin, deactivated), all)
  const hidden = locationsOf(image, { showMultipleLocations: false, showImageDirectUrl: false })
  t.strictSame(hidden.locations.shown(admin, image), { locations: null, directUrl: null })
  const direct = locationsOf(image, { showMultipleLocations: false })
  t.strictSame(direct.locations.shown(admin, image), { locations: null, directUrl: ownUrl(ID) })
})

t.test('what a patch names is looked at once, and only when it may be', async (t) => {
  const add = { kind: 'add-location' as const, at: null, location: { url: URL, metadata: {} } }
  const image = activeImage()
  const { locations, asked, state } = locationsOf(image)
  t.match(await locations.measured(image, [add]), [{ location: { sizeBytes: 7 } }])
  const replace = { kind: 'replace-locations' as const, locations: [{ url: ownUrl(ID), metadata: { a: 1 } }] }
  t.strictSame(
    await locations.measured(image, [replace]),
    [replace],
    'it has it already, whatever is said of it',
  )
  t.strictSame(asked, [URL])
  for (const status of ['saving', 'deactivated', 'importing'] as const)
    await t.rejects(locations.measured(activeImage({ status }), [add]), { code: 'CONFLICT' })
  for (const url of ['file:///etc/passwd', 'swift+config://x', 'serac://other', 'httpx://x'])
    await t.rejects(locations.measured(image, [{ ...add, location: { url, metadata: {} } }]), {
      code: 'INVALID',
    })
  for (const metadata of [{ a: 1 }, { a: { b: [null] } }, { a: [true] }])
    await t.rejects(locations.measured(image, [{ ...add, location: { url: URL, metadata } }]), {
      code: 'INVALID',
    })
  const full = activeImage({
    locations: [
      { url: ownUrl(ID), metadata: {} },
      { url: `${URL}2`, metadata: {} },
    ],
  })
  await t.rejects(locations.measured(full, [add]), { code: 'TOO_LARGE' })
  t.strictSame(asked, [URL], 'nothing else was fetched')
  state.roomBytes = 13
  await t.rejects(locations.measured(image, [add]), { code: 'TOO_LARGE' }, 'each location counts')
  state.failure = away
  await t.rejects(locations.measured(image, [add]), { code: 'INVALID' })
  const hidden = locationsOf(image, { showMultipleLocations: false })
  await t.rejects(hidden.locations.measured(image, [add]), { code: 'FORBIDDEN' })
  const off = locationsOf(image, { isHttpOn: false })
  await t.rejects(off.locations.measured(image, [add]), { code: 'INVALID' })
  t.strictSame([...hidden.asked, ...off.asked], [])
})

t.test('a location that is added: digests behind the answer, before or after it is active', async (t) => {
  const after = locationsOf(imageOf())
  await after.locations.add(owner, ID, { url: URL, validation: null })
  t.match(after.registers.record(ID), {
    status: 'active',
    size: 7,
    hashing: { hashId: 'c1', expected: null },
  })
  t.strictSame(after.begun, [`${ID} c1`])
  const before = locationsOf(imageOf())
  await before.locations.add(owner, ID, { url: URL, validation })
  t.match(before.registers.record(ID), { status: 'importing', hashing: { expected: SHA512.toLowerCase() } })
  for (const [hashAlgo, bytes] of [
    ['sha256', 32],
    ['sha384', 48],
    ['sha3_512', 64],
    ['blake2s', 32],
  ] as const) {
    const named = locationsOf(imageOf())
    const hashValue = 'ab'.repeat(bytes)
    await named.locations.add(owner, ID, { url: URL, validation: { hashAlgo, hashValue } })
    t.match(named.registers.record(ID), { hashing: { hashAlgo, expected: hashValue } })
  }
  const trusting = locationsOf(imageOf(), { doSecureHash: false })
  await trusting.locations.add(owner, ID, { url: URL, validation })
  t.match(trusting.registers.record(ID), { status: 'active', hashAlgo: 'sha512', hashValue: SHA512 })
  t.strictSame(trusting.begun, [`${ID} c1`], 'its task is ended by who does the rest')
  t.strictSame([...after.told, ...before.told, ...trusting.told], [])
})

t.test('a location that is refused has no task', async (t) => {
  const request = { url: URL, validation: null }
  const changed = locationsOf(imageOf())
  changed.registers.beforeExecute = () => changed.registers.put(activeImage())
  await t.rejects(changed.locations.add(owner, ID, request), { code: 'CONFLICT' })
  t.strictSame(changed.told, ['discarded'])
  const unknown = locationsOf(imageOf())
  unknown.registers.afterExecute = () => {
    throw new ClusterError('OUTCOME_UNKNOWN', 'the answers are lost')
  }
  await t.rejects(unknown.locations.add(owner, ID, request))
  t.strictSame(unknown.told, [], 'it may have it: the reapers find out')
  const full = locationsOf(imageOf())
  full.state.taskFailure = new ImageError('TOO_LARGE', 'too many tasks')
  await t.rejects(full.locations.add(owner, ID, request), { code: 'TOO_LARGE' })
  t.match(full.registers.record(ID), { status: 'queued' })
})

t.test('who may add a location, and which', async (t) => {
  const request = { url: URL, validation: null }
  const other = { url: 'rbd://pool/image', validation: null }
  for (const caller of [reader, stranger])
    await t.rejects(
      locationsOf(imageOf()).locations.add(caller, ID, request),
      caller === reader ? { code: 'FORBIDDEN' } : { code: 'NOT_FOUND' },
    )
  for (const [caller, code] of [
    [owner, 'FORBIDDEN'],
    [service, 'NOT_FOUND'],
    [serviceOfUser, 'INVALID'],
  ] as const)
    await t.rejects(locationsOf(imageOf()).locations.add(caller, ID, other), { code })
  await t.rejects(locationsOf(imageOf(), { isHttpOn: false }).locations.add(owner, ID, request), {
    code: 'FORBIDDEN',
  })
  await t.rejects(locationsOf(activeImage()).locations.add(owner, ID, request), { code: 'CONFLICT' })
  await t.rejects(locationsOf(imageOf({ diskFormat: null })).locations.add(owner, ID, request), {
    code: 'INVALID',
  })
  for (const wrong of [
    { hashAlgo: 'md5', hashValue: SHA512 },
    { hashAlgo: 'sha512', hashValue: 'ab' },
    { hashAlgo: 'sha256', hashValue: SHA512 },
    { hashAlgo: 'sha123', hashValue: SHA512 },
    { hashAlgo: 'toString', hashValue: SHA512 },
  ])
    await t.rejects(locationsOf(imageOf()).locations.add(owner, ID, { url: URL, validation: wrong }), {
      code: 'INVALID',
    })
  const { locations, state, registers, begun } = locationsOf(imageOf())
  state.failure = away
  await t.rejects(locations.add(owner, ID, request), { code: 'INVALID' })
  t.match(registers.record(ID), { status: 'queued' })
  t.strictSame(begun, [])
})

t.test('services list all there are, others nothing', async (t) => {
  const image = activeImage({ visibility: 'public' })
  const { locations } = locationsOf(image, { showMultipleLocations: false, showImageDirectUrl: false })
  for (const caller of [service, admin]) t.match(await locations.list(caller, ID), [{ url: ownUrl(ID) }])
  for (const caller of [owner, stranger]) await t.rejects(locations.list(caller, ID), { code: 'FORBIDDEN' })
})
