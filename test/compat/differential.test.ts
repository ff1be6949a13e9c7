/** The same requests to a real Glance and to a Serac node: every difference is explained in differential/wanted.ts. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { clientCluster, OPTIONS, restartWith } from './client-cluster.ts'
import type { Case } from './differential/case.ts'
import cors from './differential/cases/cors.ts'
import data from './differential/cases/data.ts'
import delayedDelete from './differential/cases/delayed-delete.ts'
import errors from './differential/cases/errors.ts'
import formats from './differential/cases/formats.ts'
import generatedPatches from './differential/cases/generated-patches.ts'
import images from './differential/cases/images.ts'
import imports from './differential/cases/imports.ts'
import lists from './differential/cases/lists.ts'
import locations from './differential/cases/locations.ts'
import members from './differential/cases/members.ts'
import metadefs from './differential/cases/metadefs.ts'
import plain from './differential/cases/plain.ts'
import patches from './differential/cases/patches.ts'
import { byPolicy, byRole, protectedLists } from './differential/cases/protections.ts'
import quotas from './differential/cases/quotas.ts'
import regions from './differential/cases/regions.ts'
import routing from './differential/cases/routing.ts'
import schemas from './differential/cases/schemas.ts'
import severalStores from './differential/cases/several-stores.ts'
import usage from './differential/cases/usage.ts'
import versions from './differential/cases/versions.ts'
import stock from './differential/cases/stock-metadefs.ts'
import walks from './differential/cases/walks.ts'
import { Judge } from './differential/differences.ts'
import { GALLERY, SEED } from './differential/gallery.ts'
import { startMirror } from './differential/mirror.ts'
import { DifferentialRunner } from './differential/runner.ts'
import { settingsFor, storesIn, type ServerSettings } from './differential/settings.ts'
import { STOCK_DIRECTORY } from './differential/stock.ts'
import { REASONS, WANTED, type Reason } from './differential/wanted.ts'
import { WANTED_OF_STORES } from './differential/wanted-of-stores.ts'
import { runCommand } from '../helpers/run-command.ts'
import { RealGlance } from './real-glance.ts'

/** The areas, of one file each. */
const AREAS: Readonly<Record<string, readonly Case[]>> = {
  versions,
  errors,
  routing,
  images,
  patches,
  generatedPatches,
  data,
  members,
  metadefs,
  schemas,
  quotas,
  usage,
  locations,
  delayedDelete,
  byRole,
  formats,
  cors,
  imports,
}
/** Those that look at the definitions that come with Glance. */
const STOCK_AREAS: Readonly<Record<string, readonly Case[]>> = { stock }
/** Those that look at the gallery, whose public images every list would show. */
const GALLERY_AREAS: Readonly<Record<string, readonly Case[]>> = { lists, walks, protectedLists }

/** Those of a service that shows no locations and deletes at once. */
const PLAIN_AREAS: Readonly<Record<string, readonly Case[]>> = { plain, byPolicy }

/** Those of a service with several stores, of which two cannot be used, and with other regions. */
const STORE_AREAS: Readonly<Record<string, readonly Case[]>> = { severalStores, regions }

const mirror = await startMirror(t)
const directory = t.testdir({ glance: { second: {} }, serac: { second: {} } })
const directories = { glance: join(directory, 'glance'), serac: join(directory, 'serac') }
const settings = settingsFor(mirror, directories)
const [glance, cluster] = await Promise.all([
  RealGlance.start(t, settings.wide.glance.map(parseSetting)),
  clientCluster(t, settings.wide.serac.map(parseSetting), 1),
])
const runner = new DifferentialRunner({ glance: glance.url, serac: cluster.node(0).apiUrl, mirror })
t.teardown(() => runner.close())
const judge = new Judge([...WANTED, ...WANTED_OF_STORES])

function compare(areas: Readonly<Record<string, readonly Case[]>>): void {
  for (const [area, scripts] of Object.entries(areas))
    t.test(`${area}: ${scripts.length} cases`, async (t) => {
      for (const script of scripts) t.strictSame(judge.unexplained(await runner.run(script)), [], script.name)
    })
}

compare(AREAS)
async function restart({ glance: theirs, serac: ours }: ServerSettings): Promise<void> {
  await Promise.all([glance.restart(theirs.map(parseSetting)), restartWith(cluster, ours.map(parseSetting))])
}
t.test('several stores', async () => {
  await restart(settings.several)
  const { broken, rotten } = storesIn(directories.glance)
  // Glance makes them when it starts.
  for (const path of [broken, rotten]) await rm(path, { recursive: true })
})
compare(STORE_AREAS)
t.test('other settings', () => restart(settings.plain))
compare(PLAIN_AREAS)
t.test('the stock definitions', async (t) => {
  const command = [
    ...OPTIONS.nodeCommand,
    'metadefs',
    'load',
    STOCK_DIRECTORY,
    '--url',
    cluster.node(0).operatorUrl,
  ]
  const [program = '', ...args] = command
  const [{ exitCode, stderr }] = await Promise.all([
    runCommand(program, args),
    glance.loadMetadefs(STOCK_DIRECTORY),
  ])
  t.equal(exitCode, 0, stderr)
})
compare(STOCK_AREAS)
t.test(`a gallery of ${GALLERY.length} images, seed ${SEED}`, async () =>
  runner.makeGallery((images) => glance.insert(images)),
)
compare(GALLERY_AREAS)
t.test('every row of the table explains a difference', async (t) => {
  t.strictSame(judge.stale(), [])
  const scripts = Object.values({
    ...AREAS,
    ...STOCK_AREAS,
    ...GALLERY_AREAS,
    ...PLAIN_AREAS,
    ...STORE_AREAS,
  }).flat()
  t.equal(new Set(scripts.map(({ name }) => name)).size, scripts.length, 'each case has a name of its own')
  t.comment(`${scripts.length} cases, ${runner.requests} requests to each`)
  for (const [reason, differences] of judge.byReason())
    t.comment(`${differences} wanted differences: ${REASONS[reason as Reason]}`)
})
