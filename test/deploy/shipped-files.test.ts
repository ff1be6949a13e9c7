/** What the files of deploy/ say of the same thing is the same, and what they name is there. */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { runCli } from '../../node/cli.ts'
import { EXIT_OK } from '../../node/cli/cli-io.ts'
import { STOP_MARGIN_MS } from '../../node/cli/run-until-stopped.ts'
import { readEnvironment } from '../../node/config/environment.ts'
import { OPTIONS } from '../../node/config/options.ts'
import { Settings } from '../../node/config/settings.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

const DEPLOY = join(PROJECT_ROOT, 'deploy')
const PROGRAM = '/opt/serac/dist/bin/serac.cjs'
const CONFIG = '/etc/serac/serac.conf'
const SAMPLE = 'serac.conf.sample'
/** `%` stands for what the file itself puts in: a template, a variable. */
const FRAGMENTS = [
  'kubernetes.yaml',
  'compose.yaml',
  'ansible/roles/serac/templates/serac.conf.j2',
  'README.md',
]

const names = (await readdir(DEPLOY, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && extname(entry.name) !== '.ts')
  .map((entry) => join(entry.parentPath, entry.name).slice(DEPLOY.length + 1))
const texts = new Map<string, string>()
for (const name of [...names, '../README.md']) texts.set(name, await readFile(join(DEPLOY, name), 'utf8'))

function text(name: string): string {
  const found = texts.get(name)
  if (found === undefined) throw new Error(`deploy/ has no ${name}`)
  return found
}

/** All values of `key`, however deep. */
function valuesOf(key: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name === key ? [inner as unknown] : []),
    ...valuesOf(key, inner),
  ])
}

function yamlOf(name: string): unknown[] {
  return parseAllDocuments(text(name), { merge: true }).map((document) => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS() as unknown
  })
}

/** The value of a line NAME=VALUE of the unit. */
function unit(name: string): string {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(text('systemd/serac.service'))?.[1] ?? ''
}

t.test('every YAML file can be read', async (t) => {
  const files = names.filter((name) => extname(name) === '.yaml' || extname(name) === '.yml')
  t.ok(files.length >= 5)
  for (const name of files) t.ok(yamlOf(name).length > 0, name)
})

t.test('the program and its files are where all of them look', async (t) => {
  t.equal(unit('ExecStart'), `/usr/bin/node ${PROGRAM} start --config-file ${CONFIG}`)
  t.match(text('serac'), `node ${PROGRAM} "$@"`)
  t.match(text('Containerfile'), `CMD ["start", "--config-file", "${CONFIG}"]`)
  t.match(text('Containerfile'), 'COPY --from=build /opt/serac/dist /opt/serac/dist')
  for (const name of ['compose.yaml', 'systemd/serac.tmpfiles', 'ansible/roles/serac/tasks/main.yml'])
    t.match(text(name), CONFIG)
  t.equal(OPTIONS.DEFAULT.options.state_path.default, `/var/lib/${unit('StateDirectory')}`)
  for (const name of ['compose.yaml', 'kubernetes.yaml', 'Containerfile', 'systemd/serac.tmpfiles'])
    t.match(text(name), OPTIONS.DEFAULT.options.state_path.default!)
  t.match(text('ansible/serac.yml'), OPTIONS.healthcheck.options.disable_by_file_path.default!)
})

t.test('a node that is told to stop has more time than it takes', async (t) => {
  const { shutdown_delay: delay, graceful_shutdown_timeout: transfers } = OPTIONS.DEFAULT.options
  const stopLimitMs = (Number(delay.default) + Number(transfers.default)) * 1000 + STOP_MARGIN_MS
  t.ok(Number(unit('TimeoutStopSec')) * 1000 > stopLimitMs)
  const [grace] = yamlOf('kubernetes.yaml').flatMap((document) =>
    valuesOf('terminationGracePeriodSeconds', document),
  )
  const [, drain] = /; sleep (\d+)/.exec(text('kubernetes.yaml')) ?? []
  t.ok(Number(grace) * 1000 > stopLimitMs + Number(drain) * 1000)
  const graces = yamlOf('compose.yaml').flatMap((document) => valuesOf('stop_grace_period', document))
  t.strictSame(new Set(graces.map((each) => parseInt(String(each)) * 1000 > stopLimitMs)), new Set([true]))
})

t.test('ports are the defaults', async (t) => {
  const { DEFAULT, cluster, operator } = OPTIONS
  const api = DEFAULT.options.bind_port.default
  const between = [cluster.options.control_port.default, cluster.options.bulk_port.default]
  const ports = yamlOf('kubernetes.yaml').flatMap((document) => [
    ...valuesOf('containerPort', document),
    ...valuesOf('port', document),
  ])
  const named = new Set(ports.filter((port) => typeof port === 'number').map(String))
  t.strictSame(named, new Set([api, ...between]))
  t.match(text('Containerfile'), `EXPOSE ${[api, ...between].join(' ')}`)
  const [, checks] = /bind 127\.0\.0\.1:(\d+)/.exec(text('haproxy.cfg')) ?? []
  t.match(text('keepalived/keepalived.conf'), `http://127.0.0.1:${checks}/alive`)
  t.match(text('keepalived/keepalived.conf'), `http://127.0.0.1:${checks}/ready`)
  t.notOk([api, ...between, operator.options.port.default].includes(checks!))
})

t.test('what is set there are options', async (t) => {
  const settings = new Settings(OPTIONS)
  // The sample is made from the options, and has its own test.
  const written = [...texts].filter(([name]) => name !== SAMPLE).map(([, content]) => content)
  const variables = written.flatMap((content) => content.match(/\bOS_[A-Z_]+__[A-Z_]+/g) ?? [])
  t.ok(variables.length > 0)
  await readEnvironment(Object.fromEntries(variables.map((name) => [name, '1'])), OPTIONS, settings)
  for (const name of FRAGMENTS) {
    let section = ''
    for (const line of text(name).split('\n')) {
      section = /^\s*\[(\w+)\]$/.exec(line)?.[1] ?? section
      const option = /^\s*(\w+) = /.exec(line)?.[1]
      if (section && option) settings.add(section, option, { text: '', origin: `${name}: ${line}` })
      // The end of what is written as in serac.conf.
      if (/^(---|```)/.test(line)) section = ''
    }
  }
  t.strictSame(settings.problems, [])
})

t.test('every command that a document names is there', async (t) => {
  const verbs = new Set<string>()
  for (const [name, content] of texts)
    for (const [, verb] of content.matchAll(/(?:^|[`"#(;]|-- |node-\d )\s*serac ([a-z][a-z-]+)/gm))
      if (name !== SAMPLE) verbs.add(verb!)
  t.ok(verbs.has('join') && verbs.has('replace') && verbs.has('keygen'))
  const silent = {
    environment: {},
    print() {},
    complain() {},
    ask: () => Promise.resolve(null),
    isTerminal: false,
  }
  for (const verb of verbs) t.equal(await runCli([verb, '--help'], silent), EXIT_OK, verb)
})
