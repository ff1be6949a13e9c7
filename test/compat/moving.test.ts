/**
 * Images are moved out of a real Glance, out of its database and files, to files and back: all of them are the same
 * everywhere, also where its files stay. With SERAC_PROBE=full 200 images of 5 GiB together.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DevCluster } from '../../deploy/dev/dev-cluster.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { GlanceDatabaseSource } from '../../node/cli/moving/glance-database-source.ts'
import { ImageClient } from '../helpers/image-client.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { clientCluster } from './client-cluster.ts'
import { adoptedDirectory } from './moving/adopted-directory.ts'
import { asMoved, backUp, fillGlance, OUTSIDE_URL, shownBy } from './moving/glance-gallery.ts'
import { SeracCommand } from './moving/serac-command.ts'
import { OPEN_GLANCE, RealGlance } from './real-glance.ts'

const MIB = 1024 ** 2
const BULK = isFullForm ? 190 : 12
const SIZE_BYTES = isFullForm ? 26 * MIB : 300_000
const KILLS = isFullForm ? 10 : 4
const SHOW_LOCATIONS = [{ section: 'DEFAULT', name: 'show_multiple_locations', value: 'true' }]

const glance = await RealGlance.start(t, OPEN_GLANCE)
// Without a token there are no roles, which these rules ask for.
const FOR_ALL = ['publicize_image', 'communitize_image', 'deactivate', 'modify_member', 'get_image_location']
await writeFile(join(glance.directory, 'policy.yaml'), FOR_ALL.map((rule) => `"${rule}": ""\n`).join(''))
const cluster = await clientCluster(t, SHOW_LOCATIONS, 1)
const gallery = await fillGlance(glance, BULK, SIZE_BYTES)
const directory = t.testdir()
const copy = join(directory, 'copy.sqlite')
await backUp(glance, copy)
const fromApi = ['import-glance', '--from-url', glance.url, '-f', 'json']
const fromDatabase = [
  'import-glance',
  '--database',
  copy,
  '--store',
  join(glance.directory, 'images'),
  '-f',
  'json',
]

t.test('a move that is killed again and again ends as one that is not', async (t) => {
  const arrived = () => countOf(cluster)
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await arrived()
    const command = new SeracCommand(...fromApi, '--parallel', '2', '--url', operatorOf(cluster))
    await waitFor(async () => !command.isRunning || (await arrived()) > before, { limitMs: 60_000 })
    await sleep(kill * 10)
    t.ok(command.isRunning, 'it is not done yet')
    await command.kill()
  }
  const report = await new SeracCommand(...fromApi, '--url', operatorOf(cluster)).report()
  t.match(report, { attention: [], exitCode: 0 })
  await isLikeGlance(t, cluster)
})

t.test('another run finds everything there, whichever way it looks', async (t) => {
  for (const source of [fromApi, fromDatabase]) {
    const report = await new SeracCommand(...source, '--url', operatorOf(cluster)).report()
    t.match(report, { attention: [], exitCode: 0, bytesSent: 0, counts: { present: gallery.all.length } })
  }
})

t.test('of an image that was changed here nothing is taken back, unless that is asked for', async (t) => {
  const client = new ImageClient(cluster.node(0).apiUrl)
  const id = gallery.ids.get('plain')!
  await client.send('PATCH', `/v2/images/${id}`, {
    headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
    body: Buffer.from(JSON.stringify([{ op: 'replace', path: '/name', value: 'changed' }])),
  })
  const left = await new SeracCommand(...fromApi, '--url', operatorOf(cluster)).report()
  t.match(left, { exitCode: 1, counts: { differs: 1 } })
  t.match(left.images.find((image) => image.id === id)?.detail, /name/)
  t.match(await client.show(id), { name: 'changed' })
  const taken = await new SeracCommand(...fromApi, '--overwrite', '--url', operatorOf(cluster)).report()
  t.match(taken, { attention: [], exitCode: 0, bytesSent: 0 })
  t.match(await shownBy(new ImageClient(glance.url), id), await shownBy(client, id))
})

t.test('to files and back: the same', async (t) => {
  const [first, second] = ['first', 'second'].map((name) => join(directory, name)) as [string, string]
  const exported = await new SeracCommand(
    'export',
    first,
    '-f',
    'json',
    '--url',
    operatorOf(cluster),
  ).report()
  t.match(exported, { attention: [], exitCode: 0, counts: { moved: gallery.all.length } })
  const again = await new SeracCommand('export', first, '-f', 'json', '--url', operatorOf(cluster)).report()
  t.match(again, { attention: [], exitCode: 0, bytesSent: 0, counts: { present: gallery.all.length } })
  const other = await clientCluster(t, SHOW_LOCATIONS, 1)
  const restore = ['restore', first, '-f', 'json', '--url', operatorOf(other)]
  const damaged = join(first, `${gallery.ids.get('tall')!}.img`)
  await flipBit(damaged)
  const broken = await new SeracCommand(...restore).report()
  t.match(broken, { exitCode: 1, counts: { moved: gallery.all.length - 1, failed: 1 } })
  t.match(broken.images.find(({ outcome }) => outcome === 'failed')?.detail, /MD5/)
  await flipBit(damaged)
  t.match(await new SeracCommand(...restore).report(), { attention: [], exitCode: 0, counts: { moved: 1 } })
  await isLikeGlance(t, other)
  await new SeracCommand('export', second, '-f', 'json', '--url', operatorOf(other)).report()
  t.strictSame(await digestsIn(second), await digestsIn(first))
  await rm(second, { recursive: true })
})

t.test('out of the database and the files alone', async (t) => {
  const fallThrough = { section: 'moving', name: 'fall_through_url', value: glance.url }
  const other = await clientCluster(t, [...SHOW_LOCATIONS, fallThrough], 1)
  await isReadThere(t, other)
  const source = [...fromDatabase, '--url', operatorOf(other)]
  const dry = await new SeracCommand(...source, '--dry-run').report()
  t.match(dry, { attention: [], exitCode: 0, bytesSent: 0, counts: { 'to-move': gallery.all.length } })
  t.equal(await countOf(other), 0)
  t.match(await new SeracCommand(...source).report(), {
    attention: [],
    exitCode: 0,
    counts: { moved: gallery.all.length },
  })
  await isLikeGlance(t, other, 200)
  const outside = JSON.parse(
    (
      await new ImageClient(other.node(0).apiUrl).send(
        'GET',
        `/v2/images/${gallery.ids.get('with-location')!}`,
      )
    ).body.toString(),
  ) as { locations: object[] }
  t.match(outside.locations, [{ url: /^serac:/ }, { url: OUTSIDE_URL, metadata: { k: 'v' } }])
})

t.test('what the database says is only what it says of files that are there', async (t) => {
  const { images, leftOut } = await new GlanceDatabaseSource(copy, [directory]).list()
  t.strictSame(
    images.map(({ id }) => id).sort(),
    [gallery.ids.get('queued')!, gallery.ids.get('with-location')!].sort(),
  )
  t.match(leftOut.filter(({ isLoss }) => isLoss)[0]?.why, /no file .* of its size/)
})

t.test('its directory becomes a store, and nothing is copied', (t) =>
  adoptedDirectory(t, { glance, gallery, copy, directory }),
)

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes.writeUInt8(bytes.readUInt8(99) ^ 1, 99)
  await writeFile(path, bytes)
}

function operatorOf(nodes: DevCluster): string {
  return nodes.node(0).operatorUrl
}

/** Hidden ones, too. */
async function countOf(nodes: DevCluster): Promise<number> {
  const answer = await fetch(new URL('/v1/export/images', operatorOf(nodes)))
  const { images, unfinished } = (await answer.json()) as { images: object[]; unfinished: string[] }
  return images.length + unfinished.length
}

async function isLikeGlance(t: Test, nodes: DevCluster, killed = 404): Promise<void> {
  const [there, here] = [new ImageClient(glance.url), new ImageClient(nodes.node(0).apiUrl)]
  for (const id of gallery.all) t.strictSame(await shownBy(here, id), asMoved(await shownBy(there, id)))
  t.equal((await here.send('GET', `/v2/images/${gallery.ids.get('killed')!}`)).status, killed)
}

/** Before anything is moved: shown and read as there, and not to be changed. */
async function isReadThere(t: Test, nodes: DevCluster): Promise<void> {
  const [there, here] = [new ImageClient(glance.url), new ImageClient(nodes.node(0).apiUrl)]
  for (const id of gallery.all) {
    for (const path of [`/v2/images/${id}`, `/v2/images/${id}/file`]) {
      const [old, read] = [await there.send('GET', path), await here.send('GET', path)]
      t.equal(read.status, old.status, path)
      if (old.status === 200) t.ok(read.body.equals(old.body), path)
    }
    const members = `/v2/images/${id}/members`
    const [old, read] = [await there.send('GET', members), await here.send('GET', members)]
    if (old.status === 200) t.strictSame(JSON.parse(read.body.toString()), JSON.parse(old.body.toString()))
  }
  const id = gallery.ids.get('plain')!
  t.equal((await here.send('DELETE', `/v2/images/${id}`)).status, 409)
  t.equal((await here.send('GET', `/v2/images/${randomUUID()}`)).status, 404)
}

async function digestsIn(path: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {}
  for (const name of (await readdir(path)).sort())
    digests[name] = createHash('sha512')
      .update(await readFile(join(path, name)))
      .digest('hex')
  return digests
}
