/** `glance --os-image-api-version 1`: every command of it, each on another node than the one before, and v2 beside it. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { ImageClient, jsonOf } from '../helpers/image-client.ts'
import { fetchingFrom } from '../helpers/image-imports.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { fileFacts, ISO } from './bootable-image.ts'
import { clientCluster } from './client-cluster.ts'
import { propertyTable, tableRows } from './client-table.ts'
import { glanceClient } from './roaming-client.ts'

const iso = await fileFacts(ISO)
const bytes = await readFile(ISO)
const mirror = await serve(t)
const settings = [
  ...['DEFAULT.enable_v1_api=true', 'glance_store.stores=cluster,http'].map(parseSetting),
  ...fetchingFrom(mirror),
]
const urls = (await clientCluster(t, settings)).nodes.map(({ apiUrl }) => apiUrl)
const glance = await glanceClient(t, urls, 1)
const glance2 = await glanceClient(t, urls)
const v2 = new ImageClient(urls[1]!)

const ISO_FORMAT = ['--disk-format', 'iso', '--container-format', 'bare']

async function create(args: readonly string[], stdin?: string): Promise<Record<string, string>> {
  return propertyTable(await glance.run(['image-create', ...args], stdin))
}

async function show(id: string): Promise<Record<string, string>> {
  return propertyTable(await glance.run(['image-show', id]))
}

async function listedNames(...args: string[]): Promise<string[]> {
  return tableRows(await glance.run(['image-list', ...args])).map(([, name = '']) => name)
}

/** The ISO at every path; the first byte of it is another one at `/wrong`. */
async function serve(t: Test): Promise<string> {
  const server = createServer(({ method, url }, response) => {
    response.writeHead(200, { 'content-length': bytes.length })
    const body = url === '/wrong' ? Buffer.concat([Buffer.from('x'), bytes.subarray(1)]) : bytes
    response.end(method === 'HEAD' ? undefined : body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function download(t: Test, id: string) {
  const file = join(t.testdir(), 'downloaded')
  await glance.run(['image-download', '--file', file, id])
  return fileFacts(file)
}

t.test('from a file: created, shown, listed, updated, downloaded, deleted', async (t) => {
  const image = await create([
    ...['--name', 'rescue ü', ...ISO_FORMAT, '--is-public', 'True', '--is-protected', 'True'],
    ...[
      '--min-disk',
      '3',
      '--min-ram',
      '64',
      '--owner',
      'p1',
      '--property',
      'os_distro=grub two',
      '--file',
      ISO,
    ],
  ])
  const stored = { name: 'rescue ü', status: 'active', size: String(iso.size), min_disk: '3', min_ram: '64' }
  t.match(image, { ...stored, is_public: 'True', protected: 'True', owner: 'p1', deleted: 'False' })
  t.equal(image["Property 'os_distro'"], 'grub two')
  const id = image['id']!
  t.match(await show(id), {
    ...stored,
    name: /./,
    checksum: image['checksum'],
    "Property 'os_distro'": 'grub two',
  })
  t.strictSame(await listedNames(), ['rescue ü'])
  t.strictSame(await listedNames('--property-filter', 'os_distro=grub two', '--size-min', '1'), ['rescue ü'])
  t.strictSame(await listedNames('--size-max', '1'), [])
  t.strictSame(await download(t, id), iso)
  t.match(await glance.run(['image-delete', id]), 'Unable to delete image')
  await glance.run(['image-update', '--is-protected', 'False', '--name', 'renamed', id])
  t.match(await show('renamed'), { id, protected: 'False', "Property 'os_distro'": 'grub two' })
  await glance.run(['image-update', '--property', 'a=b', '--purge-props', id])
  const purged = await show(id)
  t.match(purged, { "Property 'a'": 'b' })
  t.notOk("Property 'os_distro'" in purged)
  const time = purged['created_at']!.slice(0, 4)
  await glance.run(['image-delete', id])
  t.strictSame(await listedNames('--all-tenants'), [])
  t.match(await show(id), { status: 'deleted', deleted: 'True' })
  t.strictSame(await listedNames('--changes-since', `${time}-01-01T00:00:00`), ['renamed'])
})

t.test('the commands of the guides: from stdin, a location, and a copy', async (t) => {
  const url = `${mirror}/cirros.iso?token=a%2Fb&x=1`
  const piped = await create(['--name=piped', '--disk-format=iso', '--container-format=bare'], ISO)
  const located = await create([
    '--name=located',
    ...ISO_FORMAT,
    '--location',
    url,
    '--size',
    String(iso.size),
  ])
  const copied = await create(['--name=copied', ...ISO_FORMAT, '--is-public=True', '--copy-from', url])
  t.match(piped, { status: 'active', size: String(iso.size) })
  t.match(located, { status: 'active', size: String(iso.size) })
  t.match(copied, { status: 'queued', size: String(iso.size), is_public: 'True' })
  const isActive = async () => (await v2.show(copied['id']!)).status === 'active'
  await eventually('the copy is there', isActive)
  for (const image of [piped, located, copied]) t.strictSame(await download(t, image['id']!), iso)
  const later = await create(['--name=later', ...ISO_FORMAT])
  t.match(later, { status: 'queued' })
  t.match(propertyTable(await glance.run(['image-update', '--location', url, later['id']!])), {
    status: 'active',
    size: String(iso.size),
  })
  t.strictSame((await listedNames('--all-tenants', '--page-size', '2')).length, 4)
})

t.test('what comes is not what was said: the image is killed', async (t) => {
  const md5 = 'd41d8cd98f00b204e9800998ecf8427e'
  const wrong = await create(['--name=wrong', ...ISO_FORMAT, '--checksum', md5, '--copy-from', `${mirror}/x`])
  await eventually('the copy is given up', async () => (await show(wrong['id']!))['status'] === 'killed')
  t.equal((await v2.show(wrong['id']!)).status, 'killed')
  t.notOk((await listedNames('--all-tenants')).includes('wrong'))
  t.match(await glance.refusal('image-create', ...ISO_FORMAT, '--copy-from', 'file:///etc/passwd'), '400')
  t.match(await glance.refusal('image-create', ...ISO_FORMAT, '--location', 'http://127.0.0.1:1/x'), '400')
  t.match(await glance.refusal('image-create', ...ISO_FORMAT, '--checksum', md5, '--file', ISO), 'checksum')
  await glance.run(['image-delete', wrong['id']!])
})

t.test('members', async (t) => {
  const { id = '' } = await create(['--name=shared', ...ISO_FORMAT])
  await glance.run(['member-create', id, 'p2', '--can-share'])
  await glance.run(['member-create', id, 'p3'])
  const members = async () => tableRows(await glance.run(['member-list', '--image-id', id]))
  // The client shows no column that is false.
  t.strictSame(await members(), [
    [id, 'p2', 'True'],
    [id, 'p3', ''],
  ])
  t.strictSame(tableRows(await glance.run(['member-list', '--tenant-id', 'p3'])), [[id, 'p3', '']])
  t.match(await glance2.run(['member-list', '--image-id', id]), /p2.*pending[^]*p3.*pending/)
  await glance.run(['member-delete', id, 'p2'])
  t.strictSame(await members(), [[id, 'p3', '']])
  const body = Buffer.from('{"memberships":[{"member_id":"p4","can_share":true}]}')
  t.match(await v2.send('PUT', `/v1/images/${id}/members`, { body }), { status: 204 })
  t.strictSame(await members(), [[id, 'p4', 'True']])
})

t.test('made by one version, used by the other', async (t) => {
  const one = await create([
    '--name=one',
    ...ISO_FORMAT,
    '--property',
    'k=v',
    '--min-ram',
    '5',
    '--file',
    ISO,
  ])
  const seen = await v2.show(one['id']!)
  t.match(seen, { name: 'one', status: 'active', visibility: 'shared', size: iso.size, min_ram: 5, k: 'v' })
  t.match(seen, {
    checksum: one['checksum'],
    os_hash_value: iso.sha512,
    disk_format: 'iso',
    protected: false,
  })
  t.equal((await v2.data(one['id']!)).body.length, iso.size)
  for (const [visibility, isPublic] of Object.entries({ public: true, private: false })) {
    const fields = {
      name: 'two',
      visibility,
      disk_format: 'raw',
      container_format: 'bare',
      min_disk: 2,
      a: 'b',
    }
    const created = await v2.send('POST', '/v2/images', { body: Buffer.from(JSON.stringify(fields)) })
    const { id } = jsonOf(created) as { id: string }
    const word = isPublic ? 'True' : 'False'
    t.match(await show(id), {
      name: 'two',
      status: 'queued',
      is_public: word,
      min_disk: '2',
      "Property 'a'": 'b',
    })
    await v2.put(id, Buffer.from('abc'))
    t.match(await show(id), { status: 'active', size: '3' })
    await v2.send('POST', `/v2/images/${id}/actions/deactivate`)
    t.match(await show(id), { status: 'deactivated' })
    t.match(await glance.refusal('image-download', '--file', '/dev/null', id), '403')
    // What V1 shows, sent back to it, changes nothing: not the visibility either.
    await glance.run(['image-update', '--is-public', word, '--min-disk', '4', id])
    t.match(await v2.show(id), { visibility, min_disk: 4, a: 'b' })
    await glance.run(['image-delete', id])
    t.match(await v2.send('GET', `/v2/images/${id}`), { status: 404 })
  }
})
