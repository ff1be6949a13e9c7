import t from 'tap'
import type { ImageDraft } from '../../../node/images/image-requests.ts'
import { TASKS_PER_USER_MAX } from '../../../node/tasks/task-keeper.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { admin, ID, imageOf, owner } from '../images/image-fixture.ts'
import { URL, download, nodeOf, piecesOf } from './import-fixture.ts'

t.test('a task makes an image and fills it, or leaves none', async (t) => {
  const { registers, service, state } = nodeOf(t)
  const draft: ImageDraft = { name: 'x', diskFormat: 'raw', containerFormat: 'bare' }
  const order = { uri: URL, draft, problem: '', input: { import_from: URL } }
  const task = await service.importAsTask(owner, order)
  t.match(task, { type: 'import', status: 'pending', owner: owner.projectId })
  t.notMatch(JSON.stringify(task.input), 'secret')
  await settled()
  const { imageId } = task
  t.match(registers.record(imageId), { status: 'active', name: 'x', size: 5 })
  t.match(registers.tasks.get(task.id), { status: 'success', result: { image_id: imageId } })

  await t.rejects(service.importAsTask(owner, { ...order, uri: 'file:///etc/passwd' }), {
    code: 'INVALID',
    message: /legacy import task/,
  })
  const fails = async (other: Partial<typeof order> | { draft: null; problem: string }, message: RegExp) => {
    const failed = await service.importAsTask(owner, { ...order, ...other })
    await settled()
    t.match(registers.tasks.get(failed.id), { status: 'failure', message }, String(message))
    return registers.record(failed.imageId)
  }
  await fails({ draft: null, problem: "Input does not contain 'x' field" }, /does not contain/)
  await fails({ draft: { ...draft, name: 'refused' } }, /may not/)
  await fails({ draft: { name: 'x' } }, /needs to be set/)
  state.answer = async () => ({ status: 404, body: piecesOf() })
  t.match(await fails({}, /status 404/), { status: 'deleted' })
})

t.test('a user has so many tasks and no more; others have theirs', async (t) => {
  const { registers, service } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  registers.tasks.countOf = (project) => (project === owner.projectId ? TASKS_PER_USER_MAX : 0)
  await t.rejects(service.import(owner, ID, download), { code: 'TOO_LARGE', message: /48|1 hours/ })
  const draft = { diskFormat: 'raw', containerFormat: 'bare' }
  await t.rejects(service.importAsTask(owner, { uri: URL, draft, problem: '', input: {} }), {
    code: 'TOO_LARGE',
  })
  await service.import(admin, ID, download)
})
