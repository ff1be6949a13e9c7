/**
 * The directory of a real Glance becomes a store of three nodes: every image is served out of it, its files are as they were, what
 * is spoiled in it is named; then it is emptied online. One of the nodes does not see it, later on.
 */
import { cp, lstat, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import { parseSetting } from '../../../deploy/dev/node-config.ts'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { MARKER_NAME } from '../../../node/loops/backend-prober.ts'
import { ImageClient, jsonOf } from '../../helpers/image-client.ts'
import { eventually } from '../../helpers/probe-cluster.ts'
import { isFullForm } from '../../helpers/probe-form.ts'
import { SteadyDownloads } from '../../helpers/steady-downloads.ts'
import { clientCluster } from '../client-cluster.ts'
import type { RealGlance } from '../real-glance.ts'
import { asMoved, type Gallery, shownBy } from './glance-gallery.ts'
import { SeracCommand } from './serac-command.ts'

export interface AdoptionScene {
  glance: RealGlance
  gallery: Gallery
  /** Of its database. */
  copy: string
  /** For a directory of our own. */
  directory: string
}

interface Place {
  cluster: DevCluster
  images: string
}

const STORE = 'old'
/** Images that stay in the directory for the node that loses sight of it. */
const UNMOVED = ['bulk-0', 'bulk-5']
/** The node that loses sight of the directory. */
const BLIND = 2
/** By what is done to its file: and what is said of it then. */
const SPOILED: Record<string, RegExp> = {
  missing: /no such file/,
  short: /another size/,
  flipped: /MD5/,
  linked: /ELOOP/,
}

export async function adoptedDirectory(t: Test, scene: AdoptionScene): Promise<void> {
  const { glance, gallery, copy } = scene
  const images = join(scene.directory, 'adopted')
  await cp(join(glance.directory, 'images'), images, { recursive: true, preserveTimestamps: true })
  const settings = [
    `DEFAULT.enabled_backends=${STORE}:file`,
    'DEFAULT.show_multiple_locations=true',
    `${STORE}.filesystem_store_datadir=${images}`,
  ]
  const cluster = await clientCluster(t, settings.map(parseSetting))
  const { operatorUrl } = cluster.node(0)
  const adopt = (...source: string[]) =>
    new SeracCommand('import-glance', ...source, '--adopt', STORE, '-f', 'json', '--url', operatorUrl)
  const fromDatabase = ['--database', copy]
  const spoiled = await spoil(images, gallery)
  const before = await filesIn(images)

  const dry = await adopt(...fromDatabase, '--dry-run').report()
  const whole = gallery.all.length - spoiled.size
  // Of the same size: only who reads it sees that.
  t.match(dry, { exitCode: 1, bytesSent: 0, counts: { 'to-move': whole + 1, failed: spoiled.size - 1 } })

  const killed = adopt(...fromDatabase, '--parallel', '1')
  await waitFor(async () => !killed.isRunning || (await countOf(cluster)) > 3, { limitMs: 60_000 })
  t.ok(killed.isRunning, 'it is not done yet')
  await killed.kill()
  const report = await adopt(...fromDatabase).report()
  t.match(report, { exitCode: 1, bytesSent: 0, counts: { failed: spoiled.size } })
  t.equal(report.counts.moved + report.counts.present, whole)
  t.ok(report.counts.present > 0, 'what the killed run had done')
  for (const [kind, id] of spoiled) {
    t.match(report.images.find((image) => image.id === id)?.detail, SPOILED[kind], kind)
    const shown = await new ImageClient(cluster.node(0).apiUrl).send('GET', `/v2/images/${id}`)
    t.equal(shown.status, 404, 'nothing was made of it')
  }
  t.strictSame(await filesIn(images), before, 'no file was touched')

  await mend(images, glance, spoiled)
  // Whatever tells of them: their bytes are in the directory.
  const last = await adopt('--from-url', glance.url).report()
  t.match(last, { exitCode: 0, attention: [], bytesSent: 0 })
  t.match(last.counts, { moved: spoiled.size, present: whole })
  await everyNodeHasAll(t, scene, cluster)
  const locations = { locations: [{ url: `file://${images}/${gallery.ids.get('plain')!}` }] }
  t.match(await new ImageClient(cluster.node(1).apiUrl).show(gallery.ids.get('plain')!), locations)
  const unmoved = await emptied(t, scene, { cluster, images })
  await blindNode(t, unmoved, { cluster, images })
}

/** All but some go into the cluster, under downloads: answers those that stay. */
async function emptied(
  t: Test,
  { glance, gallery }: AdoptionScene,
  { cluster, images }: Place,
): Promise<Map<string, string>> {
  const unmoved = new Map<string, string>()
  const stays = UNMOVED.map((kind) => gallery.ids.get(kind)!)
  const digests = new Map<string, string>()
  for (const id of gallery.all) {
    const { bytes, status } = await shownBy(new ImageClient(glance.url), id)
    if (status === 'active') (stays.includes(id) ? unmoved : digests).set(id, bytes as string)
  }
  const clients = cluster.nodes.map(({ apiUrl }) => new ImageClient(apiUrl))
  const downloads = new SteadyDownloads(clients, digests)
  const named = gallery.all.filter((id) => !unmoved.has(id) && id !== gallery.ids.get('queued'))
  const moved = await migrate(cluster, named)
  await downloads.end()
  t.match(moved, { exitCode: 0, attention: [], counts: { moved: named.length } })
  t.strictSame(downloads.failed, [])
  t.ok(downloads.done > 0, `${downloads.done} downloads`)
  await eventually('their files are gone', async () => (await filesIn(images)).size === unmoved.size)
  return unmoved
}

/** Where a node has no such store: an error that says so, until what it was asked for is in the cluster. */
async function blindNode(
  t: Test,
  unmoved: ReadonlyMap<string, string>,
  { cluster, images }: Place,
): Promise<void> {
  const { apiUrl, configFile } = cluster.node(BLIND)
  const config = await readFile(configFile, 'utf8')
  await cluster.stop(BLIND)
  const [before = ''] = config.split(`[${STORE}]`)
  await writeFile(configFile, before.replace(`enabled_backends = ${STORE}:file`, ''))
  await cluster.start(BLIND)
  const client = new ImageClient(apiUrl)
  const [[moved, digest], [deleted]] = [...unmoved] as [[string, string], [string, string]]
  await eventually('it is ready', async () => (await cluster.node(BLIND).probe('/ready')) === 200)
  t.match((await client.data(moved)).body.toString(), /503 .*store that is not enabled here/s)
  t.match(await client.show(moved), { status: 'active' })
  t.match(await migrate(cluster, [moved]), { exitCode: 0, counts: { moved: 1 } })
  t.match(await shownBy(client, moved), { bytes: digest })
  t.equal((await client.send('DELETE', `/v2/images/${deleted}`)).status, 204)
  // A node that does not see the directory would take the file for gone. Where it is the first to see to it, others wait a minute.
  if (isFullForm) await eventually('others delete it', async () => !(await filesIn(images)).has(deleted))
}

function migrate(cluster: DevCluster, ids: readonly string[]) {
  const named = ids.flatMap((id) => ['--image', id])
  const { operatorUrl } = cluster.node(0)
  const command = ['stores', 'migrate', '--from', STORE, '--to', 'cluster', ...named]
  return new SeracCommand(...command, '-f', 'json', '--url', operatorUrl).report()
}

async function everyNodeHasAll(
  t: Test,
  { glance, gallery }: AdoptionScene,
  { nodes }: DevCluster,
): Promise<void> {
  const there = new ImageClient(glance.url)
  for (const id of gallery.all) {
    const wanted = asMoved(await shownBy(there, id))
    for (const { apiUrl } of nodes) t.strictSame(await shownBy(new ImageClient(apiUrl), id), wanted)
  }
}

/** Ids of images by what was done to their files. */
async function spoil(images: string, { ids }: Gallery): Promise<Map<string, string>> {
  const spoiled = new Map(Object.keys(SPOILED).map((kind, index) => [kind, ids.get(`bulk-${index + 1}`)!]))
  const pathOf = (kind: string) => join(images, spoiled.get(kind)!)
  await rm(pathOf('missing'))
  await truncate(pathOf('short'), 9)
  const bytes = await readFile(pathOf('flipped'))
  bytes.writeUInt8(bytes.readUInt8(99) ^ 1, 99)
  await writeFile(pathOf('flipped'), bytes)
  // The right bytes, but elsewhere.
  await rename(pathOf('linked'), `${images}-linked`)
  await symlink(`${images}-linked`, pathOf('linked'))
  return spoiled
}

async function mend(images: string, glance: RealGlance, spoiled: ReadonlyMap<string, string>): Promise<void> {
  for (const id of spoiled.values()) {
    await rm(join(images, id), { force: true })
    await cp(join(glance.directory, 'images', id), join(images, id))
  }
}

/** What would tell of a change, by name, without the marker of the nodes. */
async function filesIn(directory: string): Promise<Map<string, string>> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith(MARKER_NAME))
  const told = names.sort().map(async (name) => {
    const { ino, size, mode, mtimeMs } = await lstat(join(directory, name))
    return [name, [ino, size, mode, mtimeMs].join(' ')] as const
  })
  return new Map(await Promise.all(told))
}

async function countOf(cluster: DevCluster): Promise<number> {
  const answer = await new ImageClient(cluster.node(0).apiUrl).send('GET', '/v2/images?limit=1000')
  return (jsonOf(answer) as { images: object[] }).images.length
}
