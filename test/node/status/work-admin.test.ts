/** What operators do with tasks and stages. */
import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import type { TaskRecord } from '../../../node/tasks/task-record.ts'
import { WorkAdmin } from '../../../node/status/work-admin.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, ID, imageOf, upload, UPLOAD_ID } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const taskId = (number: number) => `00000000-0000-4000-8000-00000000000${number}`

function taskOf(number: number, fields: Partial<TaskRecord> = {}): TaskRecord {
  return {
    ...{
      id: taskId(number),
      type: 'api_image_import',
      status: 'success',
      owner: 'p',
      userId: 'u',
      imageId: ID,
    },
    ...{ requestId: 'req', input: { a: 1 }, result: null, message: 'Copied 1 MiB', expiresAt: null },
    createdAt: `2026-01-0${number}T00:00:00.000Z`,
    updatedAt: `2026-01-0${number}T00:00:00.000Z`,
    worker: { node: 'a', startNonce: 'n' },
    bytes: UPLOAD_ID,
    ...fields,
  }
}

function adminOf() {
  const registers = new MemoryRegisters()
  const admin = new WorkAdmin({
    ...{ clock: new ManualClock(), log: silentLog, tasks: registers.tasks, index: registers.index },
    ...{ taskRegisters: registers.taskRegisters, registers: registers.images },
  })
  const put = (record: TaskRecord) => registers.taskRegisters.apply(record.id, 'task.create', { record })
  return { registers, admin, put }
}

const staged = {
  ...{ root: 'aa'.repeat(32), chunkSizeBytes: 1024, copies: 3, uploadId: UPLOAD_ID, sizeBytes: 5 },
  ...{ virtualSize: null, md5: 'm', sha512: 's', problem: null, stagedAt: '2026-01-01T00:00:00Z' },
}

t.test('tasks come the latest first, in pages, by status', async (t) => {
  const { admin, put } = adminOf()
  for (const number of [1, 3, 2]) await put(taskOf(number, { status: number === 2 ? 'failure' : 'success' }))
  const first = await admin.tasks({ status: null, marker: null, limit: 2 })
  t.match(first, { tasks: [{ id: taskId(3), node: 'a' }, { id: taskId(2) }], marker: taskId(2) })
  t.match(await admin.tasks({ status: null, marker: first.marker, limit: 2 }), {
    tasks: [{ id: taskId(1) }],
    marker: null,
  })
  t.match(await admin.tasks({ status: 'failure', marker: null, limit: 2 }), { tasks: [{ id: taskId(2) }] })
  await t.rejects(admin.tasks({ status: 'failure', marker: taskId(1), limit: 2 }), { code: 'INVALID' })
  t.match(await admin.task(taskId(1)), { id: taskId(1), input: { a: 1 }, userId: 'u' })
})

t.test('only a task that is over is deleted', async (t) => {
  const { admin, put } = adminOf()
  await put(taskOf(1))
  await put(taskOf(2, { status: 'processing' }))
  await admin.removeTask(taskId(1))
  for (const number of [1, 3]) {
    await t.rejects(admin.task(taskId(number)), { code: 'NOT_FOUND' })
    await t.rejects(admin.removeTask(taskId(number)), { code: 'NOT_FOUND' })
  }
  await t.rejects(admin.removeTask(taskId(2)), { code: 'CONFLICT', message: /processing/ })
  t.match(await admin.tasks({ status: null, marker: null, limit: 9 }), { tasks: [{ id: taskId(2) }] })
})

t.test('what is staged is shown and let go of, but not while it is imported', async (t) => {
  const { admin, registers } = adminOf()
  t.strictSame(await admin.staged(), { images: [] })
  registers.put(imageOf({ status: 'uploading', staged }))
  t.match(await admin.staged(), { images: [{ id: ID, sizeBytes: 5, isImported: false, problem: null }] })
  registers.put(imageOf({ status: 'importing', staged, upload }))
  t.match(await admin.staged(), { images: [{ isImported: true }] })
  await t.rejects(admin.clearStage(ID), { code: 'CONFLICT' })
  registers.put(imageOf({ status: 'uploading', staged }))
  await admin.clearStage(ID)
  t.match(registers.record(ID), { status: 'queued', size: null })
  t.notOk(registers.record(ID)?.staged)
  await t.rejects(admin.clearStage(ID), { code: 'NOT_FOUND' })
  registers.put(activeImage())
  await t.rejects(admin.clearStage(ID), { code: 'NOT_FOUND' })
})
