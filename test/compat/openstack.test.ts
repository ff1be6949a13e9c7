/** `openstack image` of python3-openstackclient, by name: each step on another node than the one before. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bitFlipper } from './bit-flipper.ts'
import { type FileFacts, fileFacts, ISO, makeQcow2 } from './bootable-image.ts'
import { clientCluster, createActive, createQueued } from './client-cluster.ts'
import { openstackClient } from './roaming-client.ts'

interface ShownImage {
  id: string
  name: string
  status: string
  size: number
  protected: boolean
  tags: string[]
  properties: Record<string, unknown>
}

interface ListedImage {
  ID: string
  Name: string
  Size: number | null
  Status: string
}

const urls = (await clientCluster(t)).nodes.map(({ apiUrl }) => apiUrl)
const openstack = await openstackClient(t, urls)
const iso = await fileFacts(ISO)

/** Images that are there throughout: more than two pages. */
const OTHERS = ['other-1', 'other-2', 'other-3', 'other-4', 'other-5']
await createQueued(urls[0]!, OTHERS)

/** The answer is from before the upload: the client does not ask again. */
async function create(name: string, args: readonly string[], stdin?: string): Promise<ShownImage> {
  const all = ['image', 'create', '-f', 'json', '--container-format', 'bare', ...args, name]
  return JSON.parse(await openstack.run(all, stdin)) as ShownImage
}

async function show(nameOrId: string): Promise<ShownImage> {
  return JSON.parse(await openstack.run(['image', 'show', '-f', 'json', nameOrId])) as ShownImage
}

async function set(name: string, ...args: string[]): Promise<void> {
  await openstack.run(['image', 'set', ...args, name])
}

/** What the client itself has verified against the image's checksum, and we against the source. */
async function save(t: Test, name: string): Promise<FileFacts> {
  const file = join(t.testdir(), 'saved')
  await openstack.run(['image', 'save', '--file', file, name])
  return fileFacts(file)
}

async function list(...args: string[]): Promise<ListedImage[]> {
  return JSON.parse(await openstack.run(['image', 'list', '--long', '-f', 'json', ...args])) as ListedImage[]
}

async function listedNames(): Promise<string[]> {
  return (await list()).map(({ Name }) => Name)
}

/** Asks as often as there are other nodes than that of the command before, and so on each of them. */
async function isGoneOnTheOthers(t: Test, id: string): Promise<void> {
  for (const _ of urls.slice(1))
    t.match(await openstack.refusal('image', 'show', id), `No Image found for ${id}`)
}

t.test('a list of several pages is complete', async (t) => {
  t.strictSame(await listedNames(), OTHERS)
})

t.test('a qcow2 is created, shown, listed, changed, saved and deleted', async (t) => {
  const file = await makeQcow2(t.testdir())
  const qcow2 = await fileFacts(file)
  const extras = ['--property', 'os_distro=grub', '--property', 'hw_disk_bus=scsi', '--tag', 'boot']
  const { id } = await create('rescue', ['--disk-format', 'qcow2', '--file', file, ...extras])
  const stored = { id, status: 'active', size: qcow2.size }
  const properties = { os_distro: 'grub', hw_disk_bus: 'scsi', os_hash_value: qcow2.sha512 }
  t.match(await show('rescue'), { ...stored, name: 'rescue', tags: ['boot'], properties })
  const listed = { ID: id, Name: 'rescue', Size: qcow2.size, Status: 'active' }
  const found = await list('--property', 'os_distro=grub', '--tag', 'boot')
  t.match(found, [listed])
  t.equal(found.length, 1)
  await set('rescue', '--property', 'os_distro=debian', '--tag', 'spare', '--name', 'renamed')
  await openstack.run(['image', 'unset', '--property', 'hw_disk_bus', 'renamed'])
  const changed = await show('renamed')
  t.match(changed, { ...stored, tags: ['boot', 'spare'], properties: { os_distro: 'debian' } })
  t.notOk('hw_disk_bus' in changed.properties)
  t.strictSame(await save(t, 'renamed'), qcow2)
  await openstack.run(['image', 'delete', 'renamed'])
  await isGoneOnTheOthers(t, id)
  t.strictSame(await listedNames(), OTHERS)
})

t.test('an ISO comes through stdin, and is protected until it is not', async (t) => {
  const { id } = await create('piped', ['--disk-format', 'iso', '--protected'], ISO)
  t.match(await show(id), { status: 'active', protected: true, size: iso.size })
  t.match(await openstack.refusal('image', 'delete', 'piped'), '403 Forbidden')
  await set('piped', '--unprotected')
  t.strictSame(await save(t, 'piped'), iso)
  await openstack.run(['image', 'delete', 'piped'])
})

t.test('an image may be empty', async (t) => {
  const file = join(t.testdir({ empty: '' }), 'empty')
  await create('empty', ['--disk-format', 'raw', '--file', file])
  t.match(await show('empty'), { status: 'active', size: 0 })
  t.match(await save(t, 'empty'), { size: 0 })
  await openstack.run(['image', 'delete', 'empty'])
})

t.test('one wrong bit is noticed by the client', async (t) => {
  await createActive(urls[0]!, 'wrong', ISO)
  const flipped = openstack.at(await bitFlipper(t, urls[1]!))
  const file = join(t.testdir(), 'saved')
  // All that the client says of a checksum that differs.
  const complaint = 'Unable to download image: InvalidResponse'
  t.match(await flipped.refusal('image', 'save', '--file', file, 'wrong'), complaint)
})
