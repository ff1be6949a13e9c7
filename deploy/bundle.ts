/**
 * The last step of `npm run build`: puts what the compiler made, and the packages it imports, into the few files of
 * dist/bin/. A node loads some 1200 modules; to look each of them up, and to open and to parse it, takes half of the start
 * of an empty node. What stays outside finds files of its own by where it is installed.
 */
import { copyFile, readdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const DIST = fileURLToPath(new URL('..', import.meta.url))
const OUTPUT = join(DIST, 'bin')
/** CommonJS, and alone: it must run before anything is loaded. */
const LAUNCHER = 'serac.cjs'
/** The program and its threads, which look for each other side by side. */
const ENTRIES = ['node/main.js', 'node/data/hash-worker.js', 'node/store/scan-worker.js']
const PAGE = join(DIST, 'page')
/** The operator page is made from its sources, for browsers. */
const PAGE_SOURCES = join(DIST, '../api/status/page')
const PAGE_ENTRIES = { 'main.tsx': 'page', 'page.css': 'page', 'dark.css': 'dark' }
/** Of the last years; the operator's browser is not ours to choose. */
const PAGE_BROWSERS = ['chrome115', 'firefox115', 'safari16']
/** Native code, WebAssembly, and what only runs from sources. */
const EXTERNAL = [
  'classic-level',
  'hyperdht',
  'hyperswarm',
  '@napi-rs/blake-hash',
  'blake3-wasm',
  'sql.js',
  'tsx',
]
/** What CommonJS packages in a module ask for the parts of Node. */
const REQUIRE = `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url)`

const { metafile } = await build({
  entryPoints: ENTRIES.map((entry) => join(DIST, entry)),
  outdir: OUTPUT,
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: EXTERNAL,
  banner: { js: REQUIRE },
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
})
await copyFile(join(DIST, 'node', LAUNCHER), join(OUTPUT, LAUNCHER))
// Not before: a start that is under way finds the files of one build or of the other.
const made = new Set([LAUNCHER, ...Object.keys(metafile.outputs).map((path) => basename(path))])
for (const name of await readdir(OUTPUT)) if (!made.has(name)) await rm(join(OUTPUT, name))

await build({
  entryPoints: Object.entries(PAGE_ENTRIES).map(([name, out]) => ({ in: join(PAGE_SOURCES, name), out })),
  outdir: PAGE,
  assetNames: '[name]',
  bundle: true,
  minify: true,
  target: PAGE_BROWSERS,
  format: 'esm',
  loader: { '.woff2': 'file', '.woff': 'empty' },
  tsconfig: join(PAGE_SOURCES, 'tsconfig.json'),
  legalComments: 'linked',
  logLevel: 'warning',
})
for (const name of ['index.html', 'icon.svg']) await copyFile(join(PAGE_SOURCES, name), join(PAGE, name))
// Its licence wants to be where the font is.
const fontLicence = createRequire(import.meta.url).resolve('@fontsource/ibm-plex-sans/LICENSE')
await copyFile(fontLicence, join(PAGE, 'ibm-plex-licence.txt'))
