/** `serac import-glance --adopt`: what is asked of a node, and what is told of its answers. */
import t from 'tap'
import type { MovingReport } from '../../../../node/cli/moving/moving-report.ts'
import { operatorServer } from '../operator-server.ts'

const ids = ['0', '1', '2', '3'].map((last) => `7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d1${last}`)
const [here, slow, missing, outside] = ids as [string, string, string, string]
const COLUMNS = ['id', 'name', 'size', 'status', 'created_at', 'visibility', 'deleted']
const OTHERS = ['image_properties', 'image_members', 'image_tags']
const arrive = (id: string) => `PUT /v1/import/images/${id}?stores=old%2Ctier2`
const compare = (id: string) => `POST /v1/import/images/${id}/compare?stores=old%2Ctier2`

/** As mysqldump writes it. One image lies behind a URL. */
function dump(): string {
  const table = (name: string, columns: readonly string[]) =>
    [
      `CREATE TABLE \`${name}\` (`,
      ...columns.map((column) => `  \`${column}\` text,`),
      ') ENGINE=InnoDB;',
    ].join('\n')
  const images = ids.map((id) => `('${id}','n',5,'active','2020-01-02 03:04:05','shared',0)`)
  const places = ids.map((id) => `('${id}','${id === outside ? 'http' : 'file'}://h/${id}',0,'{}','active')`)
  return [
    table('images', COLUMNS),
    `INSERT INTO \`images\` VALUES ${images.join()};`,
    ...OTHERS.map((name) => table(name, ['image_id', 'deleted'])),
    table('image_locations', ['image_id', 'value', 'deleted', 'meta_data', 'status']),
    `INSERT INTO \`image_locations\` VALUES ${places.join()};`,
    '-- Dump completed on 2026-01-01  0:00:00',
    '',
  ].join('\n')
}

const nowhere = { error: { status: 404, message: 'The store old has no such file.' } }
const report = (out: string) => JSON.parse(out) as MovingReport

t.test('each is asked for until it has an end, and none of its bytes are read here', async (t) => {
  const states = [
    { state: 'verifying', sizeBytes: 5, doneBytes: 2 },
    { state: 'verifying', sizeBytes: 5, doneBytes: 4 },
    { state: 'complete' },
  ]
  const bodies: unknown[] = []
  const { run, asked } = await operatorServer(t, {
    [arrive(here)]: { state: 'complete' },
    [arrive(slow)]: () => states.shift() ?? nowhere,
    [arrive(missing)]: nowhere,
    [arrive(outside)]: (body) => (bodies.push(body), { state: 'complete', isChanged: true }),
  })
  const database = `${t.testdir({ 'glance.sql': dump() })}/glance.sql`
  const args = ['import-glance', '--database', database, '--adopt', 'old', 'tier2']
  const { exitCode, out } = await run(...args, '-f', 'json')
  t.equal(exitCode, 1)
  t.match(report(out), { bytesSent: 0, counts: { present: 1, moved: 2, failed: 1 } })
  t.match(report(out).images.find(({ id }) => id === missing)?.detail, /no such file/)
  t.equal(asked.filter((call) => call === arrive(missing)).length, 1, 'it is not tried again')
  t.match(bodies, [{ hasBytes: false, locations: [{ url: `http://h/${outside}` }] }])
})

t.test('a dry run looks whether they are there', async (t) => {
  const { run } = await operatorServer(t, {
    [compare(here)]: { state: 'complete' },
    [compare(slow)]: { state: 'absent' },
    [compare(missing)]: nowhere,
    [compare(outside)]: { state: 'absent' },
  })
  const database = `${t.testdir({ 'glance.sql': dump() })}/glance.sql`
  const args = ['import-glance', '--database', database, '--adopt', 'old', 'tier2', '--dry-run']
  const { exitCode, out } = await run(...args, '-f', 'json')
  t.equal(exitCode, 1)
  t.match(report(out), { bytesSent: 0, counts: { present: 1, 'to-move': 2, failed: 1 } })
})

t.test('nothing is sent where a node of an older release has taken the record alone', async (t) => {
  const { run, asked } = await operatorServer(t, { [arrive(here)]: { state: 'bytes-wanted' } })
  const only = dump().replaceAll(
    new RegExp(`,?\\('(?:${[slow, missing, outside].join('|')})'[^)]*\\)`, 'g'),
    '',
  )
  const database = `${t.testdir({ 'glance.sql': only })}/glance.sql`
  const { out } = await run('import-glance', '--database', database, '--adopt', 'old', 'tier2', '-f', 'json')
  t.match(report(out).images[0], { outcome: 'failed', detail: /older release/ })
  t.notOk(asked.some((call) => call.includes('/file')))
})

t.test('files are either taken from here or are there', async (t) => {
  const { run } = await operatorServer(t, {})
  const both = await run('import-glance', '--database', 'x', '--store', 'a', '--adopt', 'old')
  t.match(both, { exitCode: 64, err: /cannot be used with/ })
  t.match(await run('import-glance', '--database', 'x'), { exitCode: 1, err: /--store or --adopt/ })
})
