/** `openstack image` of python3-openstackclient, by name: each step on another node than the one before. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bitFlipper } from './bit-flipper.ts'
import { type FileFacts, fileFacts, ISO, makeQcow2 } from './bootable-image.ts'
import { clientCluster, createQueued } from './client-cluster.ts'
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

const urls = await clientCluster(t)
const openstack = await openstackClient(t, urls)
const iso = await fileFacts(ISO)

/** The answer is from before the upload: the client does not ask again. */
async function create(name: string, args: readonly string[], stdin?: string): Promise<ShownImage> {
  const all = ['image', 'create', '-f', 'json', '--container-format', 'bare', ...args, name]
  const input = stdin === undefined ? undefined : createReadStream(stdin)
  return JSON.parse(await openstack.run(all, input)) as ShownImage
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

async function list(...args: string[]): Promise<Record<string, unknown>[]> {
  return JSON.parse(await openstack.run(['image', 'list', '-f', 'json', ...args])) as Record<
    string,
    unknown
  >[]
}

/** Asks on each of the nodes on which the delete was not. */
async function isGoneOnTheOthers(t: Test, nameOrId: string): Promise<void> {
  for (const _ of urls.slice(1)) {
    t.match(await openstack.refusal('image', 'show', nameOrId), `No Image found for ${nameOrId}`)
  }
}

t.test('a qcow2 is created, shown, listed, changed, saved and deleted', async (t) => {
  const file = await makeQcow2(t.testdir())
  const qcow2 = await fileFacts(file)
  const extras = ['--property', 'os_distro=grub', '--property', 'hw_disk_bus=scsi', '--tag', 'boot']
  const { id } = await create('rescue', ['--disk-format', 'qcow2', '--file', file, ...extras])
  const stored = { id, status: 'active', size: qcow2.size }
  const properties = { os_distro: 'grub', hw_disk_bus: 'scsi', os_hash_value: qcow2.sha512 }
  t.match(await show('rescue'), { ...stored, name: 'rescue', tags: ['boot'], properties })
  const found = [{ ID: id, Name: 'rescue', 'Disk Format': 'qcow2', Size: qcow2.size, Status: 'active' }]
  t.match(await list('--long', '--property', 'os_distro=grub'), found)
  t.match(await list('--tag', 'boot'), [{ ID: id }])
  await set('rescue', '--property', 'os_distro=debian', '--tag', 'spare', '--name', 'renamed')
  await openstack.run(['image', 'unset', '--property', 'hw_disk_bus', 'renamed'])
  const changed = await show('renamed')
  t.match(changed, { ...stored, tags: ['boot', 'spare'], properties: { os_distro: 'debian' } })
  t.notOk('hw_disk_bus' in changed.properties)
  t.strictSame(await save(t, 'renamed'), qcow2)
  await openstack.run(['image', 'delete', 'renamed'])
  await isGoneOnTheOthers(t, id)
  t.match(await openstack.refusal('image', 'save', '--file', '/dev/null', 'renamed'), /renamed/)
  t.strictSame(await list(), [])
})

t.test('an ISO comes through stdin, and is protected until it is not', async (t) => {
  const { id } = await create('piped', ['--disk-format', 'iso', '--protected'], ISO)
  t.match(await show(id), { status: 'active', protected: true, size: iso.size })
  t.match(await openstack.refusal('image', 'delete', 'piped'), '403 Forbidden')
  await set('piped', '--unprotected')
  t.strictSame(await save(t, 'piped'), iso)
  await openstack.run(['image', 'delete', 'piped'])
  await isGoneOnTheOthers(t, 'piped')
})

t.test('an image may be empty', async (t) => {
  const file = join(t.testdir({ empty: '' }), 'empty')
  await create('empty', ['--disk-format', 'raw', '--file', file])
  t.match(await show('empty'), { status: 'active', size: 0 })
  t.match(await save(t, 'empty'), { size: 0 })
  await openstack.run(['image', 'delete', 'empty'])
})

t.test('a list of several pages is complete', async (t) => {
  const names = ['page-1', 'page-2', 'page-3', 'page-4', 'page-5']
  await createQueued(urls[0]!, names)
  t.match(
    await list(),
    names.map((name) => ({ Name: name, Status: 'queued' })),
  )
})

t.test('one wrong bit is noticed by the client', async (t) => {
  await create('wrong', ['--disk-format', 'iso', '--file', ISO])
  const flipped = openstack.at(await bitFlipper(t, urls[0]!))
  const file = join(t.testdir(), 'saved')
  t.match(await flipped.refusal('image', 'save', '--file', file, 'wrong'), 'checksum mismatch')
  await openstack.run(['image', 'delete', 'wrong'])
})
