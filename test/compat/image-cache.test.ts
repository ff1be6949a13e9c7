/** Image caches: the same requests, and the same commands of `glance`, to a real Glance and to a Serac node. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { clientCluster, restartWith } from './client-cluster.ts'
import { propertyTable, tableRows } from './client-table.ts'
import type { Case } from './differential/case.ts'
import { disabled, enabled } from './differential/cases/image-cache.ts'
import { Judge } from './differential/differences.ts'
import { DifferentialRunner } from './differential/runner.ts'
import { WANTED_OF_CACHE } from './differential/wanted-of-cache.ts'
import { passingServer } from './passing-server.ts'
import { RealGlance } from './real-glance.ts'
import { glanceClient, type RoamingClient } from './roaming-client.ts'

const directory = await mkdtemp(join(tmpdir(), 'serac-cached-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))

await mkdir(join(directory, 'images'))

/** A node caches what it does not hold itself, so the images of both lie in directories. */
const SERAC = [
  'DEFAULT.auth_strategy=trusted_headers',
  'DEFAULT.enabled_backends=main:file',
  'glance_store.default_backend=main',
  `main.filesystem_store_datadir=${join(directory, 'images')}`,
]
const SERAC_CACHE = [`DEFAULT.image_cache_dir=${join(directory, 'serac')}`]
const GLANCE_CACHE = [
  `DEFAULT.image_cache_dir=${join(directory, 'glance')}`,
  'paste_deploy.flavor=trusted+cachemanagement',
]

const ABSENT_ID = '11111111-2222-4333-8444-555555555555'
const ADMIN = {
  'x-identity-status': 'Confirmed',
  'x-user-id': 'user',
  'x-project-id': 'project',
  'x-roles': 'admin,member,reader',
}
/** Of `glance cache-list`: id, state, last access and change, size and hits. */
const WANTED_LIFE = {
  'an empty list': [],
  'a list of one': [['<id>', 'cached', /^/, '<time>', '10', '0']],
  'a list after a download': [['<id>', 'cached', '<time>', '<time>', '10', '1']],
  'a list after a delete': [],
  'queue what is absent': "'HTTP 404 Not Found': Unable to queue image '<id>' for caching.",
  'queue without data': "'HTTP 400 Bad Request': Unable to queue image '<id>' for caching.",
  'delete what is absent': "'HTTP 404 Not Found': Unable to delete image '<id>' from cache.",
}

const [glance, cluster] = await Promise.all([
  RealGlance.start(t, []),
  clientCluster(t, SERAC.map(parseSetting), 1),
])
const urls = { glance: glance.url, serac: cluster.node(0).apiUrl }
const runner = new DifferentialRunner({ ...urls, mirror: glance.url })
t.teardown(() => runner.close())
const judge = new Judge(WANTED_OF_CACHE)

async function compare(t: Test, scripts: readonly Case[]): Promise<void> {
  for (const script of scripts) t.strictSame(judge.unexplained(await runner.run(script)), [], script.name)
}

t.test(`servers without a cache: ${disabled.length} cases`, (t) => compare(t, disabled))

t.test('caches', async () => {
  await Promise.all([
    glance.restart(GLANCE_CACHE.map(parseSetting)),
    restartWith(cluster, [...SERAC, ...SERAC_CACHE].map(parseSetting)),
  ])
})

t.test(`servers with a cache: ${enabled.length} cases`, (t) => compare(t, enabled))

t.test('the commands of glance say the same of both', async (t) => {
  const client = await glanceClient(t, [])
  const sides = await Promise.all(
    Object.values(urls).map(async (url) => client.at(await passingServer(t, url, { headers: ADMIN }))),
  )
  const file = join(directory, 'file')
  await writeFile(file, 'some bytes')
  const args = ['--container-format', 'bare', '--disk-format', 'raw', '--visibility', 'public']
  const said = []
  for (const side of sides) {
    const life = await new CacheLife(side).run(['image-create', ...args, '--file', file])
    said.push(life)
  }
  const [theirs, ours] = said
  t.strictSame(ours, theirs)
  t.match(ours, WANTED_LIFE)
})

/** Ids are others at the other server, and what it says behind the status is for people. */
function withoutReason(said: string): string {
  return said
    .trim()
    .replaceAll(/[\da-f]{8}-[\da-f-]{27}/g, '<id>')
    .replace(/(HTTP \d+ [\w ]+)[^']*/, '$1')
}

/** What an image goes through, by the commands of glance; ids and times are names in what it tells. */
class CacheLife {
  readonly #client: RoamingClient
  readonly #told: Record<string, unknown> = {}

  constructor(client: RoamingClient) {
    this.#client = client
  }

  async run(creation: readonly string[]): Promise<Record<string, unknown>> {
    const id = propertyTable(await this.#client.run(creation))['id']!
    const queued = propertyTable(await this.#client.run(['image-create', '--name', 'queued']))['id']!
    const complains = async (name: string, ...args: string[]) => {
      this.#told[name] = withoutReason(await this.#client.complaint(...args))
    }
    const works = async (name: string, ...args: string[]) => {
      this.#told[name] = await this.#client.run(args)
    }
    await works('clear', 'cache-clear')
    await this.#list('an empty list', id)
    await works('queue', 'cache-queue', id)
    await eventually('it is cached', async () => (await this.#client.run(['cache-list'])).includes('cached'))
    await this.#list('a list of one', id)
    await works('download', 'image-download', '--file', '/dev/null', id)
    await this.#list('a list after a download', id)
    await works('delete', 'cache-delete', id)
    await this.#list('a list after a delete', id)
    for (const target of ['both', 'cache', 'queue'])
      await works(`clear ${target}`, 'cache-clear', '--target', target)
    await complains('queue what is absent', 'cache-queue', ABSENT_ID)
    await complains('queue without data', 'cache-queue', queued)
    await complains('delete what is absent', 'cache-delete', ABSENT_ID)
    return this.#told
  }

  async #list(name: string, id: string): Promise<void> {
    const rows = tableRows(await this.#client.run(['cache-list']))
    this.#told[name] = rows.map((row) =>
      row.map((cell) => (cell === id ? '<id>' : cell.replace(/^\d{4}-\d\d-\d\dT.*/, '<time>'))),
    )
  }
}

t.test('every row of the table explains a difference', async (t) => {
  t.strictSame(judge.stale(), [])
  t.comment(`${disabled.length + enabled.length} cases, ${runner.requests} requests to each`)
})
