/** A real Glance, of Debian's package, on loopback and with its state in a directory of its own. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import type { Setting } from '../../deploy/dev/node-config.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import type { GalleryImage } from './differential/gallery.ts'

/** Loading it takes seconds, on a busy machine many. */
const READY_LIMIT_MS = 120_000
const ANSWER_LIMIT_MS = 30_000
const DEBIAN_FILES = '/usr/share/glance-common'
/** Custom properties with a form of their own; Glance looks for it beside its configuration. */
const SCHEMA = 'schema-image.json'
const DEBIAN_DISABLE_FILE = '/etc/glance/healthcheck_disable'
const CORS_SECTION = '[filter:cors]'
/** Debian's pipelines for Keystone without the filter that asks it: the context filter believes the identity headers then. */
const TRUSTED_PIPELINES = [
  '[pipeline:glance-api-trusted]',
  'pipeline = cors healthcheck http_proxy_to_wsgi versionnegotiation context rootapp',
  '[pipeline:glance-api-trusted+cachemanagement]',
  'pipeline = cors healthcheck http_proxy_to_wsgi versionnegotiation context cache cachemanage rootapp',
]

/**
 * SQLite keeps fractions of a second, by which Glance then sorts and compares. The databases that Glance is run with do
 * not, and answers never show them.
 */
const WHOLE_SECONDS = ['insert', 'update'].map(
  (event) =>
    `create trigger whole_seconds_${event} after ${event} on images begin update images set ` +
    `created_at = substr(created_at, 1, 19) || '.000000', updated_at = substr(updated_at, 1, 19) || '.000000' ` +
    'where id = new.id; end',
)

const INSERT_SCRIPT = `import datetime, json, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
now = datetime.datetime.utcnow().strftime('%Y-%m-%d %H:%M:%S.000000')
known = ('id', 'name', 'owner', 'visibility', 'disk_format', 'container_format', 'min_ram', 'min_disk', 'protected', 'os_hidden')
def insert(table, **values):
    values.update(deleted=0, created_at=now, updated_at=now)
    names, marks = ', '.join(values), ', '.join('?' * len(values))
    database.execute(f'insert into {table} ({names}) values ({marks})', tuple(values.values()))
for image in json.load(sys.stdin):
    tags, image_id = image.pop('tags'), image['id']
    insert('images', status='queued', **{name: image.pop(name) for name in known})
    for tag in tags: insert('image_tags', image_id=image_id, value=tag)
    for name, value in image.items(): insert('image_properties', image_id=image_id, name=name, value=value)
database.commit()`

/** Without a token every request is the administrator's. */
export const OPEN_GLANCE: readonly Setting[] = [
  { section: 'paste_deploy', name: 'flavor', value: '' },
  { section: 'DEFAULT', name: 'show_multiple_locations', value: 'true' },
  { section: 'DEFAULT', name: 'enforce_secure_rbac', value: 'false' },
  { section: 'oslo_policy', name: 'enforce_new_defaults', value: 'false' },
]

export class RealGlance {
  readonly url: string
  readonly directory: string
  readonly process: NodeProcess
  readonly #port: number

  private constructor(directory: string, port: number) {
    this.directory = directory
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
    this.process = new NodeProcess({ pid: join(directory, 'pid'), log: join(directory, 'log') })
  }

  /** Runs until `t` ends, without images, with `settings` over its defaults: another database must be empty. */
  static async start(t: Test, settings: readonly Setting[]): Promise<RealGlance> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-glance-'))
    const glance = new RealGlance(directory, await freeBasePort(1))
    t.teardown(async () => {
      await glance.process.kill()
      await rm(directory, { recursive: true })
    })
    await glance.#prepare(settings)
    await glance.#run()
    return glance
  }

  /** With other settings over its defaults; what it has stays. */
  async restart(settings: readonly Setting[]): Promise<void> {
    await this.process.kill()
    await writeFile(this.#configFile, this.#config(settings))
    await this.#run()
  }

  /** Puts images into its database: to create them takes it 25 ms each. They begin as new ones do, without data. */
  async insert(images: readonly GalleryImage[]): Promise<void> {
    const input = Readable.from([JSON.stringify(images)])
    const database = join(this.directory, 'glance.sqlite')
    await must('/usr/bin/python3', ['-c', INSERT_SCRIPT, database], input)
  }

  /** Puts all definitions of a directory into its database. */
  async loadMetadefs(directory: string): Promise<void> {
    await must('/usr/bin/glance-manage', ['--config-file', this.#configFile, 'db_load_metadefs', directory])
  }

  get #configFile(): string {
    return join(this.directory, 'glance-api.conf')
  }

  async #prepare(settings: readonly Setting[]): Promise<void> {
    const { directory } = this
    for (const name of ['images', 'staging', 'tasks', 'locks', 'policy.d']) await mkdir(join(directory, name))
    await copyFile(join(DEBIAN_FILES, SCHEMA), join(directory, SCHEMA))
    const paste = await readFile(join(DEBIAN_FILES, 'glance-api-paste.ini'), 'utf8')
    const ownPaste = paste.replaceAll(DEBIAN_DISABLE_FILE, join(directory, 'healthcheck_disable'))
    // This filter looks for its options in no other file of ours.
    const cors = settings
      .filter(({ section }) => section === 'cors')
      .map(({ name, value }) => `${name} = ${value}`)
    const lines = [
      ownPaste.replace(CORS_SECTION, [CORS_SECTION, ...cors].join('\n')),
      ...TRUSTED_PIPELINES,
      '',
    ]
    await writeFile(join(directory, 'paste.ini'), lines.join('\n'))
    await writeFile(join(directory, 'policy.yaml'), '')
    await writeFile(this.#configFile, this.#config(settings))
    await must('/usr/bin/glance-manage', ['--config-file', this.#configFile, 'db_sync'])
    if (settings.some(({ section, name }) => section === 'database' && name === 'connection')) return
    // Readers must not lock the writer out.
    const script = `import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for statement in ['pragma journal_mode=wal', *sys.argv[2:]]: database.execute(statement)`
    await must('/usr/bin/python3', ['-c', script, join(directory, 'glance.sqlite'), ...WHOLE_SECONDS])
  }

  #config(settings: readonly Setting[]): string {
    const { directory } = this
    return [
      '[DEFAULT]',
      'bind_host = 127.0.0.1',
      `bind_port = ${this.#port}`,
      // In its own process: a worker would outlive it.
      'workers = 0',
      'enforce_secure_rbac = true',
      'enabled_backends = main:file',
      `node_staging_uri = file://${directory}/staging`,
      '[glance_store]',
      'default_backend = main',
      '[main]',
      `filesystem_store_datadir = ${directory}/images`,
      '[os_glance_staging_store]',
      `filesystem_store_datadir = ${directory}/staging`,
      '[os_glance_tasks_store]',
      `filesystem_store_datadir = ${directory}/tasks`,
      '[database]',
      `connection = sqlite:///${directory}/glance.sqlite?timeout=60`,
      'sqlite_synchronous = false',
      '[oslo_concurrency]',
      `lock_path = ${directory}/locks`,
      '[oslo_policy]',
      `policy_file = ${directory}/policy.yaml`,
      `policy_dirs = ${directory}/policy.d`,
      'enforce_new_defaults = true',
      '[paste_deploy]',
      'flavor = trusted',
      `config_file = ${directory}/paste.ini`,
      // What is said last counts.
      ...settings.flatMap(({ section, name, value }) => [`[${section}]`, `${name} = ${value}`]),
      '',
    ].join('\n')
  }

  async #run(): Promise<void> {
    const command = ['/usr/bin/glance-api', '--config-file', this.#configFile]
    await this.process.start(['/usr/bin/python3', ...command], { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' })
    const isUp = async () => {
      const isDead = (await this.process.state()) === 'dead'
      if (isDead) throw new Error(`Glance ended while it started:\n${await this.process.logTail()}`)
      const answer = await fetch(this.url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) }).catch(() => null)
      return answer?.status === 300
    }
    if (await waitFor(isUp, { limitMs: READY_LIMIT_MS })) return
    throw new Error(`Glance did not start:\n${await this.process.logTail()}`)
  }
}

async function must(program: string, args: readonly string[], input = Readable.from([])): Promise<void> {
  const { exitCode, stderr } = await runCommand(program, args, { input })
  if (exitCode !== 0) throw new Error(`${program} ended with ${exitCode}: ${stderr}`)
}
