import t, { type Test } from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { ImageError } from '../../../node/errors.ts'
import { TaskReaper } from '../../../node/loops/task-reaper.ts'
import { WorkerLife, type Life } from '../../../node/loops/worker-life.ts'
import { claimOf, TaskKeeper } from '../../../node/tasks/task-keeper.ts'
import { LocationTaskKeeper } from '../../../node/tasks/location-tasks.ts'
import type { TaskRecord } from '../../../node/tasks/task-record.ts'
import { TaskService } from '../../../node/tasks/task-service.ts'
import type { TaskQuery } from '../../../node/tasks/task-service-port.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, admin, ID, imageOf, owner, stranger, upload } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const NOBODY = new AbortController().signal
const KEEP_MS = 48 * 3_600_000
const work = { type: 'api_image_import' as const, imageId: ID, input: { a: 1 }, bytes: null }

function nodeOf(t: Test, { seesTo = true } = {}) {
  const registers = new MemoryRegisters()
  registers.put(imageOf())
  const clock = new ManualClock('2026-01-01T12:00:00Z')
  const identity = createIdentity(systemRandom)
  const same: Life = { startNonce: identity.startNonce, silentMs: 0 }
  const state = { life: same, runningHere: true, caughtUp: true }
  const base = { clock, log: silentLog, registers: registers.taskRegisters }
  const keeper = new TaskKeeper(
    { ...base, identity, random: systemRandom, index: registers.tasks },
    { keepMs: KEEP_MS },
  )
  const service = new TaskService({
    registers: registers.taskRegisters,
    index: registers.tasks,
    images: {
      show: async (caller) => {
        if (caller.projectId !== owner.projectId) throw new ImageError('NOT_FOUND', 'No image found')
        return { value: imageOf(), stale: false }
      },
    },
  })
  const reaper = new TaskReaper({
    ...base,
    index: registers.tasks,
    keeper,
    images: registers.images,
    workers: new WorkerLife({ self: 'b', lifeOf: () => state.life, isRunningHere: () => state.runningHere }),
    seesTo: () => seesTo,
    caughtUp: () => state.caughtUp,
  })
  t.teardown(() => reaper.loop.stop())
  const all = () => [...registers.tasks.all()]
  return { registers, clock, state, keeper, service, reaper, all }
}

const query: TaskQuery = {
  limit: 10,
  marker: null,
  sortKey: 'createdAt',
  direction: 'desc',
  type: null,
  status: null,
}

t.test('a task from its beginning to its end', async (t) => {
  const { keeper, service, clock } = nodeOf(t)
  const task = await keeper.create(owner, work)
  t.match(task, { status: 'pending', owner: owner.projectId, userId: owner.userId, bytes: claimOf(task.id) })
  await clock.advance(1000)
  await keeper.begin(task)
  await keeper.note(task, 3 * 1024 ** 2)
  t.match(await service.show(admin, task.id), {
    status: 'processing',
    message: 'Copied 3 MiB',
    expiresAt: null,
  })
  await keeper.end(task, { status: 'success', sizeBytes: 5 * 1024 ** 2 }, NOBODY)
  const ended = await service.show(admin, task.id)
  t.match(ended, { status: 'success', message: 'Copied 5 MiB', result: { image_id: ID } })
  t.match(ended, { createdAt: '2026-01-01T12:00:00.000Z', updatedAt: '2026-01-01T12:00:01.000Z' })
  t.equal(ended.expiresAt, '2026-01-03T12:00:01.000Z')
  await keeper.end(task, { status: 'failure', message: 'too late' }, NOBODY)
  await keeper.note(task, 0)
  t.strictSame(await service.show(admin, task.id), ended, 'the first end counts')
})

t.test('what was not begun is forgotten; what was is not', async (t) => {
  const { keeper, all } = nodeOf(t)
  await keeper.discard(await keeper.create(owner, work))
  t.strictSame(all(), [])
  const begun = await keeper.create(owner, work)
  await keeper.begin(begun)
  await keeper.discard(begun)
  t.match(all(), [{ id: begun.id }])
})

t.test('without a majority an end is tried for a while, and then left', async (t) => {
  const { keeper, registers, clock, all } = nodeOf(t)
  const task = await keeper.create(owner, work)
  registers.hasQuorum = false
  const ending = keeper.end(task, { status: 'success', sizeBytes: 0 }, NOBODY)
  await clock.advance(1000)
  registers.hasQuorum = true
  await clock.advance(1000)
  await ending
  t.match(all(), [{ status: 'success' }])
  registers.hasQuorum = false
  const left = keeper.end(task, { status: 'success', sizeBytes: 0 }, NOBODY)
  await clock.advance(60_000)
  await left
  await t.rejects(keeper.create(owner, work), { code: 'NO_QUORUM' })
})

t.test('lists: by whom, in which order, a page at a time', async (t) => {
  const { keeper, service, clock, registers } = nodeOf(t)
  const made: TaskRecord[] = []
  for (const by of [owner, stranger, owner]) {
    made.push(await keeper.create(by, work))
    await clock.advance(10)
  }
  await keeper.end(made[2]!, { status: 'failure', message: 'no' }, NOBODY)
  const ids = async (fields: Partial<TaskQuery> = {}, by = admin) =>
    (await service.list(by, { ...query, ...fields })).tasks.map(({ id }) =>
      made.findIndex((task) => task.id === id),
    )
  t.strictSame(await ids(), [2, 1, 0])
  t.strictSame(await ids({ direction: 'asc' }), [0, 1, 2])
  t.strictSame(await ids({}, owner), [2, 0], 'others see what their project has asked for')
  t.strictSame(await ids({ status: 'pending' }), [1, 0])
  t.strictSame(await ids({ type: 'import' }), [])
  t.strictSame(await ids({ sortKey: 'status', direction: 'asc' }), [2, 0, 1])
  t.strictSame(await ids({ limit: 2 }), [2, 1])
  t.equal((await service.list(admin, { ...query, limit: 2 })).more, true)
  t.strictSame(await ids({ limit: 2, marker: made[1]!.id }), [0])
  t.strictSame(await ids({ limit: 0 }), [])
  await t.rejects(ids({ marker: ID }), { code: 'INVALID' })
  await t.rejects(ids({ marker: made[1]!.id }, owner), { code: 'INVALID' })
  await t.rejects(service.show(owner, made[1]!.id), { code: 'NOT_FOUND' })
  registers.hasQuorum = false
  await t.rejects(ids(), { code: 'UNAVAILABLE' })
  await t.rejects(service.show(admin, made[1]!.id), { code: 'UNAVAILABLE' })
})

t.test('the tasks of an image are for whoever sees it and has asked for them', async (t) => {
  const { keeper, service } = nodeOf(t)
  const own = await keeper.create(owner, work)
  await keeper.create(stranger, work)
  const ids = async (by = owner) => (await service.ofImage(by, ID)).map(({ id }) => id)
  t.strictSame(await ids(), [own.id])
  t.equal((await ids({ ...admin, projectId: owner.projectId })).length, 2)
  await t.rejects(ids(stranger), { code: 'NOT_FOUND' })
})

t.test('a task whose worker is gone is ended by what became of its image', async (t) => {
  for (const [image, end] of [
    [imageOf(), { status: 'failure', message: /is gone/ }],
    [activeImage(), { status: 'failure' }],
    [null, { status: 'success', message: 'Copied 0 MiB' }],
  ] as const) {
    const { keeper, reaper, registers, clock, state, all } = nodeOf(t)
    const task = await keeper.create(owner, work)
    await keeper.begin(task)
    const claim = { ...upload, uploadId: claimOf(task.id) }
    registers.put(imageOf({ status: 'importing', upload: claim }))
    reaper.loop.start()
    await clock.advance(30_000)
    t.match(all(), [{ status: 'processing' }], 'its worker lives')
    state.life = { startNonce: '2'.repeat(16), silentMs: 0 }
    await clock.advance(5000)
    t.match(all(), [{ status: 'processing' }], 'its image is not given back yet')
    const data = { ...activeImage().data!, uploadId: claimOf(task.id) }
    registers.put(image ?? activeImage({ data }))
    await clock.advance(5000)
    t.match(all(), [end])
  }
})

t.test('a location whose worker is gone: whether the image has it', async (t) => {
  const url = 'http://mirror.example/a?signature=secret'
  for (const [image, end] of [
    [imageOf({ status: 'active', locations: [{ url, metadata: {} }] }), { status: 'success', message: '' }],
    [imageOf(), { status: 'failure', message: /is gone/ }],
    [
      imageOf({ status: 'active', locations: [{ url: 'http://other/', metadata: {} }] }),
      { status: 'failure' },
    ],
  ] as const) {
    const { keeper, reaper, registers, clock, state, all } = nodeOf(t)
    const task = await new LocationTaskKeeper(keeper).create(owner, ID, { url, validation: null })
    t.match(all(), [{ type: 'location_import', input: { image_id: ID, validation_data: {} } }])
    t.notMatch(JSON.stringify(all()), /secret/)
    await task.begin()
    const hashing = { ...upload, hashId: task.claim, hashAlgo: 'sha512' as const, expected: null }
    registers.put(imageOf({ status: 'importing', hashing }))
    state.life = { startNonce: '2'.repeat(16), silentMs: 0 }
    reaper.loop.start()
    await clock.advance(30_000)
    t.match(all(), [{ status: 'processing' }], 'its image waits for the digests')
    registers.put(image)
    await clock.advance(5000)
    t.match(all(), [end])
  }
})

t.test(
  'a worker that has just told something is not gone, and a node that is behind looks at nothing',
  async (t) => {
    const { keeper, reaper, clock, state, all } = nodeOf(t)
    await keeper.create(owner, work)
    state.life = { startNonce: null, silentMs: 99_999 }
    state.caughtUp = false
    reaper.loop.start()
    await clock.advance(4000)
    state.caughtUp = true
    await clock.advance(5000)
    t.match(all(), [{ status: 'pending' }])
    await clock.advance(5000)
    t.match(all(), [{ status: 'failure' }])
  },
)

t.test('tasks are forgotten when their time is over, by one node first', async (t) => {
  for (const seesTo of [true, false]) {
    const { keeper, reaper, clock, all, service } = nodeOf(t, { seesTo })
    const task = await keeper.create(owner, work)
    await keeper.end(task, { status: 'success', sizeBytes: 0 }, NOBODY)
    reaper.loop.start()
    await clock.advance(KEEP_MS - 1)
    t.equal(all().length, 1)
    await clock.advance(5000)
    t.equal(all().length, seesTo ? 0 : 1)
    await clock.advance(61_000)
    t.strictSame(all(), [])
    await t.rejects(service.show(admin, task.id), { code: 'NOT_FOUND' })
  }
})
