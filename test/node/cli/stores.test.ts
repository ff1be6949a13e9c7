/** The commands about stores, tasks and stages, against an operator port that says what a test wants. */
import t from 'tap'
import type { MovingReport } from '../../../node/cli/moving/moving-report.ts'
import { operatorServer } from './operator-server.ts'

const sum = { images: 2, bytes: 3 * 1024 ** 2 }
const base = { isReadOnly: false, weight: 0, description: null, images: sum, only: sum, discarded: 0 }
const STORES = {
  stores: [
    { ...base, id: 'cluster', type: 'cluster', isDefault: true, state: null, failure: null },
    {
      ...base,
      id: 'big',
      type: 's3',
      isDefault: false,
      state: 'down',
      failure: 'The store big does not answer.',
    },
  ],
}
const images = (...ids: string[]) => ({
  images: ids.map((id) => ({ id, name: id, status: 'active', sizeBytes: 5, stores: ['cluster'] })),
  marker: null,
})
const LIST = 'GET /v1/cluster/stores/cluster/images'
const move = (id: string) => `POST /v1/cluster/stores/cluster/images/${id}/move`

t.test('stores are listed with what is in them and whether they can be used', async (t) => {
  const { run } = await operatorServer(t, { 'GET /v1/cluster/stores': STORES })
  const { exitCode, out } = await run('stores', 'list')
  t.equal(exitCode, 0)
  t.match(out, /^STORE +TYPE +DEFAULT/)
  t.match(out, /^cluster +cluster +yes .* 3\.0 MiB/m)
  t.match(out, /^big +s3 .* down .*\n\nThe store big does not answer\./m)
  t.equal((await run('stores', 'list', '-f', 'value')).out, 'cluster\nbig\n')
  t.match(JSON.parse((await run('stores', '-f', 'json')).out), STORES.stores)
})

t.test('images are moved until they are there, and what comes meanwhile as well', async (t) => {
  const bodies: unknown[] = []
  const states = [
    { state: 'copying', sizeBytes: 5, doneBytes: 3 },
    { state: 'verifying', sizeBytes: 5, doneBytes: 1 },
    { state: 'moved' },
  ]
  const lists = [images('a', 'b'), images('c'), images()]
  const { run, asked } = await operatorServer(t, {
    [LIST]: () => lists.shift() ?? images(),
    [move('a')]: (body) => (bodies.push(body), states.shift() ?? { state: 'present' }),
    [move('b')]: { state: 'present' },
    [move('c')]: { state: 'absent' },
  })
  const args = ['--from', 'cluster', '--to', 'big', '--rate', '1MiB', '--keep-source']
  const { exitCode, out } = await run('stores', 'migrate', ...args, '-f', 'json')
  t.equal(exitCode, 0)
  const report = JSON.parse(out) as MovingReport
  t.match(report, { from: 'cluster', to: 'big', counts: { moved: 1, present: 1, 'left-out': 1, failed: 0 } })
  t.equal(report.bytesSent, 3)
  t.strictSame(bodies[0], { to: 'big', keepSource: true, bytesPerSecondMax: 1024 ** 2 })
  t.equal(asked.filter((call) => call === LIST).length, 3)
})

t.test('what fails is tried again, what cannot be is told', async (t) => {
  let tries = 0
  const { run } = await operatorServer(t, {
    [LIST]: images('a', 'b'),
    [move('a')]: () =>
      ++tries < 3 ? { state: 'failed', why: 'The store big does not answer.' } : { state: 'moved' },
    [move('b')]: { error: { status: 400, message: 'There is no store big to move images between.' } },
  })
  const { exitCode, out } = await run('stores', 'migrate', '--from', 'cluster', '--to', 'big')
  t.equal(exitCode, 1)
  t.match(out, /1 moved, 1 failed/)
  t.match(out, /There is no store big to move/)
  const named = await run(
    'stores',
    'migrate',
    '--from',
    'cluster',
    '--to',
    'big',
    '--image',
    'b',
    '--dry-run',
  )
  t.match(named, { exitCode: 0, out: /1 images: 1 to-move/ })
  t.equal((await run('stores', 'migrate', '--from', 'cluster')).exitCode, 64)
})

t.test('tasks and stages', async (t) => {
  const task = {
    id: 't1',
    status: 'failure',
    type: 'api_image_import',
    imageId: 'i',
    message: 'm',
    createdAt: 'c',
  }
  const staged = { id: 's1', name: null, sizeBytes: 5, problem: null, isImported: false }
  const stages = [
    { ...staged, stagedAt: '2020-01-01T00:00:00Z' },
    { ...staged, id: 's2', stagedAt: new Date().toISOString() },
    { ...staged, id: 's3', stagedAt: '2020-01-01T00:00:00Z', isImported: true },
  ]
  const { run, asked } = await operatorServer(t, {
    'GET /v1/cluster/tasks?': { tasks: [task], marker: 't1' },
    'GET /v1/cluster/tasks?marker=t1': { tasks: [{ ...task, id: 't2' }], marker: null },
    'GET /v1/cluster/tasks': { tasks: [task], marker: 't1' },
    'GET /v1/cluster/tasks/t1': { ...task, input: { uri: 'u' }, result: null },
    'DELETE /v1/cluster/tasks/t1': null,
    'GET /v1/cluster/staged-images': { images: stages },
    'DELETE /v1/cluster/staged-images/s1': null,
    'DELETE /v1/cluster/staged-images/s2': null,
  })
  t.equal((await run('tasks', 'list', '-f', 'value')).out, 't1 failure\nt2 failure\n')
  t.match((await run('tasks', 'show', 't1')).out, /^input +\{"uri":"u"\}$/m)
  t.match(await run('tasks', 'delete', 't1'), { exitCode: 0, out: /t1 is forgotten/ })
  t.match(await run('tasks', 'delete', 't9'), { exitCode: 1, err: /not here/ })
  t.match((await run('staging')).out, /^s3 .* is imported/m)
  t.match(await run('staging', 'clear'), { exitCode: 1, err: /--older/ })
  asked.length = 0
  t.match(await run('staging', 'clear', '--older', '1h'), { exitCode: 0, out: /image s1/ })
  t.match(await run('staging', 'clear', 's2'), { exitCode: 0 })
  t.strictSame(
    asked.filter((call) => call.startsWith('DELETE')),
    ['DELETE /v1/cluster/staged-images/s1', 'DELETE /v1/cluster/staged-images/s2'],
  )
})
