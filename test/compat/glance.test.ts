/** `glance` of python3-glanceclient: an image's whole life, each step on another node than the one before. */
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bitFlipper } from './bit-flipper.ts'
import { type FileFacts, fileFacts, ISO, makeQcow2 } from './bootable-image.ts'
import { clientCluster, createActive, createQueued, PAGE_IMAGES_MAX } from './client-cluster.ts'
import { propertyTable, tableRows } from './client-table.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { glanceClient } from './roaming-client.ts'

const urls = (await clientCluster(t)).nodes.map(({ apiUrl }) => apiUrl)
const glance = await glanceClient(t, urls)
const iso = await fileFacts(ISO)

/** Images that are there throughout: more than two pages. */
const OTHERS = ['other-1', 'other-2', 'other-3', 'other-4', 'other-5']
await createQueued(urls[0]!, OTHERS)

async function create(name: string, args: readonly string[], stdin?: string) {
  const all = ['image-create', '--name', name, '--container-format', 'bare', ...args]
  return propertyTable(await glance.run(all, stdin))
}

async function show(id: string) {
  return propertyTable(await glance.run(['image-show', id]))
}

/** What glance itself has verified against the image's os_hash_value, and we against the source. */
async function download(t: Test, id: string): Promise<FileFacts> {
  const file = join(t.testdir(), 'downloaded')
  await glance.run(['image-download', '--file', file, id])
  return fileFacts(file)
}

async function listedNames(...args: string[]): Promise<string[]> {
  const rows = tableRows(await glance.run(['image-list', ...args]))
  return rows.map(([, name = '']) => name)
}

/** Asks as often as there are other nodes than that of the command before, and so on each of them. */
async function isGoneOnTheOthers(t: Test, id: string): Promise<void> {
  for (const _ of urls.slice(1)) t.match(await glance.refusal('image-show', id), 'HTTP 404 Not Found')
}

t.test('a list of several pages is complete', async (t) => {
  t.strictSame(await listedNames('--page-size', String(PAGE_IMAGES_MAX)), OTHERS)
})

t.test('an ISO is created, shown, listed, updated, downloaded and deleted', async (t) => {
  const created = await create('rescue', [
    '--disk-format',
    'iso',
    '--property',
    'os_distro=grub',
    '--file',
    ISO,
  ])
  const stored = { name: 'rescue', status: 'active', size: String(iso.size), os_hash_value: iso.sha512 }
  t.match(created, { ...stored, disk_format: 'iso', os_hash_algo: 'sha512', os_distro: 'grub' })
  const id = created['id']!
  t.strictSame(await show(id), created)
  t.strictSame(await listedNames(), [...OTHERS, 'rescue'])
  t.match(propertyTable(await glance.run(['image-update', '--property', 'os_distro=debian', id])), {
    ...stored,
    os_distro: 'debian',
  })
  t.match(await show(id), { ...stored, os_distro: 'debian' })
  t.strictSame(await download(t, id), iso)
  await glance.run(['image-delete', id])
  await isGoneOnTheOthers(t, id)
  t.match(await glance.refusal('image-download', '--file', '/dev/null', id), 'HTTP 404 Not Found')
  t.strictSame(await listedNames(), OTHERS)
})

t.test('a qcow2 comes through stdin, and is protected until it is not', async (t) => {
  const file = await makeQcow2(t.testdir())
  const qcow2 = await fileFacts(file)
  const extras = ['--property', 'hw_disk_bus=scsi', '--property', 'os_distro=grub', '--tag', 'boot']
  const created = await create('piped', ['--disk-format', 'qcow2', '--protected', 'True', ...extras], file)
  t.match(created, { status: 'active', protected: 'True', tags: '["boot"]', hw_disk_bus: 'scsi' })
  t.match(created, { size: String(qcow2.size), os_hash_value: qcow2.sha512 })
  t.match(created, { virtual_size: String(iso.size) })
  const id = created['id']!
  t.match(await glance.refusal('image-delete', id), 'You are not permitted to delete the image')
  await glance.run(['image-update', '--protected', 'False', '--remove-property', 'hw_disk_bus', id])
  const updated = await show(id)
  t.match(updated, { protected: 'False', os_distro: 'grub', status: 'active' })
  t.notOk('hw_disk_bus' in updated)
  t.strictSame(await download(t, id), qcow2)
  await glance.run(['image-delete', id])
  await isGoneOnTheOthers(t, id)
})

t.test('data of another format is refused with the reason, however much there is', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'zeros')
  await writeFile(file, '')
  await truncate(file, 64 * 1024 ** 2)
  const args = ['--container-format', 'bare', '--disk-format', 'qcow2', '--file', file]
  t.match(await glance.refusal('image-create', '--name', 'zeros', ...args), 'which is raw')
  const [[id = '', name] = []] = tableRows(
    await glance.run(['image-list', '--property-filter', 'name=zeros']),
  )
  t.equal(name, 'zeros')
  t.match(await show(id), { status: 'queued' })
  await glance.run(['image-delete', id])
})

/** An import goes on behind the answer. */
async function activeAfterImport(id: string): Promise<Record<string, string>> {
  let shown: Record<string, string> = {}
  await eventually('the image is active', async () => {
    shown = await show(id)
    return shown['status'] === 'active'
  })
  return shown
}

t.test('an image is staged at one node and imported at another', async (t) => {
  const created = await create('staged', ['--disk-format', 'iso'])
  t.equal(created['status'], 'queued')
  const id = created['id']!
  await glance.run(['image-stage', '--file', ISO, id])
  t.match(await show(id), { status: 'uploading', size: String(iso.size) })
  await glance.run(['image-import', '--import-method', 'glance-direct', id])
  const stored = { size: String(iso.size), os_hash_value: iso.sha512, stores: 'cluster' }
  t.match(await activeAfterImport(id), stored)
  t.strictSame(await download(t, id), iso)
  const [[, type, status] = []] = tableRows(await glance.run(['task-list']))
  t.strictSame([type, status], ['api_image_import', 'success'])
  t.match(await glance.run(['image-tasks', id]), 'success')
  await glance.run(['image-delete', id])
  await isGoneOnTheOthers(t, id)
})

t.test('an image is created by its import', async (t) => {
  const args = ['--name', 'via import', '--container-format', 'bare', '--disk-format', 'iso', '--file', ISO]
  const created = propertyTable(await glance.run(['image-create-via-import', ...args]))
  const id = created['id']!
  t.match(await activeAfterImport(id), { name: 'via import', os_hash_value: iso.sha512 })
  await glance.run(['image-delete', id])
})

t.test('how images may be imported, and where they may be', async (t) => {
  t.match(await glance.run(['import-info']), 'web-download')
  t.match(await glance.run(['stores-info']), 'cluster')
  t.match(await glance.run(['stores-info', '--detail']), 'cluster')
  const id = await createActive(urls[0]!, 'in one store', ISO)
  t.match(
    await glance.refusal('image-import', '--import-method', 'web-download', '--uri', urls[0]!, id),
    /queued|active/,
  )
  t.match(await glance.refusal('stores-delete', '--store', 'cluster', id), 'only store')
  await glance.run(['image-delete', id])
})

t.test('an image may be empty', async (t) => {
  const file = join(t.testdir({ empty: '' }), 'empty')
  const created = await create('empty', ['--disk-format', 'raw', '--file', file])
  t.match(created, { status: 'active', size: '0' })
  t.match(await download(t, created['id']!), { size: 0 })
  await glance.run(['image-delete', created['id']!])
})

t.test('one wrong bit is noticed by the client', async (t) => {
  const id = await createActive(urls[0]!, 'wrong', ISO)
  const flipped = glance.at(await bitFlipper(t, urls[1]!))
  const file = join(t.testdir(), 'downloaded')
  t.match(await flipped.refusal('image-download', '--file', file, id), 'Corrupt image download')
})
