/**
 * Keeps the source tree as ARCHITECTURE.md describes it: imports point down only, there is no cycle, every file is
 * reached from an entry point, and each technology has one home.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { PROJECT_ROOT } from './helpers/test-program.ts'

/** Layers, low to high. A file belongs to the longest prefix that fits; it may import its own layer and lower ones. */
const LAYERS: readonly (readonly string[])[] = [
  [
    'cluster/polyfill.ts',
    'cluster/runtime.ts',
    'cluster/errors.ts',
    'cluster/content-hash.ts',
    'cluster/ascii.ts',
    'cluster/own-bytes.ts',
    'cluster/cbor-decoder.ts',
    'cluster/cbor-encoder.ts',
    'cluster/worker-thread.ts',
    'cluster/young-garbage.ts',
  ],
  ['cluster/network/'],
  ['cluster/membership/', 'cluster/placement/', 'cluster/gossip/'],
  ['cluster/register/', 'cluster/transfer/'],
  ['cluster/cluster.ts'],
  ['node/errors.ts', 'node/version.ts', 'node/config/', 'node/store/', 'node/outbound/', 'node/backends/'],
  ['node/data/', 'node/inspect/'],
  ['node/cache/'],
  ['node/images/'],
  ['node/metadefs/', 'node/tasks/'],
  ['node/imports/'],
  ['node/loops/', 'node/status/', 'node/notifications/'],
  ['api/'],
  ['node/composition/'],
  ['node/daemon.ts'],
  ['node/cli/', 'node/cli.ts', 'node/main.ts', 'node/serac.cts', 'deploy/'],
]

/** What the façade may see of the rest: services and errors, never a store or a register. */
const API_MAY_IMPORT = [
  'api/',
  'node/images/',
  'node/metadefs/',
  'node/tasks/',
  'node/imports/',
  'node/status/',
  'node/errors.ts',
  'node/version.ts',
  // The dialect in which operators write files for the façade, too.
  'node/config/ini.ts',
  'cluster/runtime.ts',
  'cluster/errors.ts',
]

/** Where a technology may be named. */
const HOMES: readonly { packages: RegExp; homes: readonly string[] }[] = [
  {
    packages: /^(libp2p|@libp2p\/|@multiformats\/|@chainsafe\/)/,
    homes: ['cluster/network/', 'cluster/gossip/', 'cluster/membership/'],
  },
  { packages: /^(hyperswarm|hyperdht)$/, homes: ['cluster/network/hyperswarm.ts'] },
  { packages: /^(level|classic-level)$/, homes: ['node/store/'] },
  { packages: /^(fastify|@fastify\/)/, homes: ['api/', 'node/daemon.ts'] },
  { packages: /^(blake3-wasm|@napi-rs\/blake-hash)$/, homes: ['cluster/content-hash.ts'] },
  {
    packages: /^undici$/,
    homes: [
      'api/auth/keystone-transport.ts',
      'node/outbound/undici-outbound.ts',
      'node/backends/backend-http.ts',
    ],
  },
  { packages: /^aws4fetch$/, homes: ['node/backends/s3-backend.ts'] },
  { packages: /^(preact|uplot)(\/|$)/, homes: ['api/status/page/'] },
  { packages: /^amqplib$/, homes: ['node/notifications/amqp-broker.ts'] },
  { packages: /^prom-client$/, homes: ['node/status/metrics/'] },
  { packages: /^esbuild$/, homes: ['deploy/bundle.ts'] },
  { packages: /^yaml$/, homes: ['api/auth/policy/'] },
  { packages: /^ajv$/, homes: ['api/v2/metadefs/schema-check.ts'] },
  { packages: /^sql\.js$/, homes: ['node/cli/moving/'] },
  { packages: /^commander$/, homes: ['node/cli', 'deploy/'] },
]

/** Where processes and threads begin. */
const ENTRY_POINTS = [
  'node/serac.cts',
  'deploy/dev-cluster.ts',
  'deploy/demo.ts',
  'deploy/bundle.ts',
  // In the browser.
  'api/status/page/main.tsx',
  'node/data/hash-worker.ts',
  'node/store/scan-worker.ts',
]

interface SourceFile {
  path: string
  /** Files of ours, from the root. */
  imports: string[]
  packages: string[]
}

function sourcesUnder(directory: string): string[] {
  return readdirSync(join(PROJECT_ROOT, directory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(c?ts|tsx)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(PROJECT_ROOT, join(entry.parentPath, entry.name)))
}

function read(path: string): SourceFile {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(PROJECT_ROOT, path), 'utf8'), true, true)
  const names = importedFiles.map(({ fileName }) => fileName)
  const local = names.filter((name) => name.startsWith('.'))
  return {
    path,
    // The CommonJS entry names what the compiler will have made of main.ts.
    imports: local.map((name) => join(dirname(path), name).replace(/\.js$/, '.ts')),
    packages: names.filter((name) => !name.startsWith('.') && !name.startsWith('node:')),
  }
}

const files = new Map(
  ['cluster', 'node', 'api', 'deploy'].flatMap(sourcesUnder).map((path) => [path, read(path)]),
)

function layerOf(path: string): number {
  return LAYERS.findIndex((prefixes) => prefixes.some((prefix) => path.startsWith(prefix)))
}

t.test('every file has its layer', (t) => {
  t.strictSame(
    [...files.keys()].filter((path) => layerOf(path) < 0),
    [],
  )
  t.end()
})

t.test('imports only point down', (t) => {
  const upward: string[] = []
  for (const { path, imports } of files.values())
    for (const target of imports) if (layerOf(target) > layerOf(path)) upward.push(`${path} -> ${target}`)
  t.strictSame(upward, [])
  t.end()
})

t.test('the façade sees only services', (t) => {
  const strays: string[] = []
  for (const { path, imports } of files.values()) {
    if (!path.startsWith('api/')) continue
    for (const target of imports)
      if (!API_MAY_IMPORT.some((allowed) => target.startsWith(allowed))) strays.push(`${path} -> ${target}`)
  }
  t.strictSame(strays, [])
  t.end()
})

t.test('there is no import cycle', (t) => {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path))
      return void cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (done.has(path)) return
    for (const target of files.get(path)?.imports ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of files.keys()) visit(path, [])
  t.strictSame(cycles, [])
  t.end()
})

t.test('every file is reached from an entry point', (t) => {
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    for (const target of files.get(path)?.imports ?? []) visit(target)
  }
  ENTRY_POINTS.forEach(visit)
  t.strictSame(
    [...files.keys()].filter((path) => !reached.has(path)),
    [],
  )
  t.end()
})

t.test('each technology has one home', (t) => {
  const strays: string[] = []
  for (const { path, packages } of files.values())
    for (const name of packages)
      for (const { packages: pattern, homes } of HOMES)
        if (pattern.test(name) && !homes.some((home) => path.startsWith(home)))
          strays.push(`${path} -> ${name}`)
  t.strictSame(strays, [])
  t.end()
})

t.test('every import names a file that is there', (t) => {
  const broken: string[] = []
  for (const { path, imports } of files.values())
    for (const target of imports) if (!files.has(target)) broken.push(`${path} -> ${target}`)
  t.strictSame(broken, [])
  t.end()
})

t.test('every test that the list of parity names is there', (t) => {
  const parity = readFileSync(join(PROJECT_ROOT, 'test/compat/glance-parity.md'), 'utf8')
  const named = new Set([...parity.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, path = '']) => path))
  t.ok(named.size > 0)
  t.strictSame(
    [...named].filter((path) => !existsSync(join(PROJECT_ROOT, 'test', path))),
    [],
  )
  const unshown = parity
    .split('\n')
    .filter((line) => /\| (done|part) +\|/.test(line) && !line.includes('.test.ts'))
  t.strictSame(unshown, [], 'nothing is done without a test')
  t.end()
})
