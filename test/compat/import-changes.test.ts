/** Images that the real qemu-img makes and converts on their way in: the same image, whichever node imports it. */
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { ImageClient, jsonOf } from '../helpers/image-client.ts'
import { runCommand } from '../helpers/run-command.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { clientCluster } from './client-cluster.ts'

const DISK_BYTES = 8 * 1024 ** 2
const JSON_TYPE = { 'content-type': 'application/json' }
const OCTETS = { 'content-type': 'application/octet-stream' }

const cluster = await clientCluster(
  t,
  ['image_import_opts.image_import_plugins=[image_decompression,image_conversion]'].map(parseSetting),
)
const clients = [0, 1, 2].map((index) => new ImageClient(cluster.node(index).apiUrl))

/** A disk with something at its beginning and at its end, in the formats that are asked for. */
const directory = t.testdir()
const make = async (...args: string[]) => {
  const { exitCode, stderr } = await runCommand('env', ['-C', directory, 'qemu-img', ...args])
  if (exitCode !== 0) throw new Error(stderr)
}
const disk = Buffer.alloc(DISK_BYTES)
disk.write('the beginning', 0)
disk.write('the end', DISK_BYTES - 7)

t.before(async () => {
  await writeFile(join(directory, 'raw'), disk)
  for (const format of ['qcow2', 'vmdk']) await make('convert', '-f', 'raw', '-O', format, 'raw', format)
  await make('create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', 'raw', 'backed', String(DISK_BYTES))
})

/** Stages at `from`, imports at `at`; answers the image and its task as the third node tells of them. */
async function imported(bytes: Buffer, diskFormat: string, [from, at]: [number, number]) {
  const client = (index: number): ImageClient => clients[index % clients.length]!
  const created = await client(from).send('POST', '/v2/images', {
    headers: JSON_TYPE,
    body: Buffer.from(JSON.stringify({ disk_format: diskFormat, container_format: 'bare' })),
  })
  const { id } = jsonOf(created) as { id: string }
  const path = `/v2/images/${id}`
  const staged = await client(from).send('PUT', `${path}/stage`, { headers: OCTETS, body: bytes })
  const body = Buffer.from(JSON.stringify({ method: { name: 'glance-direct' } }))
  const answer = await client(at).send('POST', `${path}/import`, { headers: JSON_TYPE, body })
  if (staged.status !== 204 || answer.status !== 202) throw new Error(`${staged.status}, ${answer.status}`)
  const third = client(3 - from - at)
  let task = { status: '', message: '' }
  await eventually('the import ends', async () => {
    const { tasks } = jsonOf(await third.send('GET', `${path}/tasks`)) as { tasks: (typeof task)[] }
    task = tasks[0] ?? task
    return task.status === 'success' || task.status === 'failure'
  })
  return { id, task, image: await third.show(id), third }
}

t.test('a qcow2 becomes raw, by the same answer of any node', async (t) => {
  const qcow2 = await readFile(join(directory, 'qcow2'))
  t.ok(qcow2.length < DISK_BYTES, 'the size of the disk is not that of its file')
  const digest = createHash('sha512').update(disk).digest('hex')
  for (const way of [
    [0, 1],
    [1, 2],
    [2, 0],
  ] as [number, number][]) {
    const { image, task, id } = await imported(qcow2, 'qcow2', way)
    t.match(task, { status: 'success' })
    t.match(image, {
      status: 'active',
      disk_format: 'raw',
      container_format: 'bare',
      size: DISK_BYTES,
      virtual_size: DISK_BYTES,
      os_hash_value: digest,
    })
    for (const client of clients) {
      t.strictSame(await client.show(id), image, 'whichever node is asked')
      t.ok((await client.data(id)).body.equals(disk))
    }
  }
})

t.test('so do other formats, and what is packed; what is raw stays as it is', async (t) => {
  for (const format of ['vmdk', 'raw']) {
    const { image } = await imported(await readFile(join(directory, format)), format, [0, 1])
    t.match(image, { status: 'active', disk_format: 'raw', virtual_size: DISK_BYTES }, format)
  }
  const packed = gzipSync(await readFile(join(directory, 'qcow2')))
  t.match((await imported(packed, 'qcow2', [1, 2])).image, { status: 'active', size: DISK_BYTES })
})

t.test('what refers to other files is never shown to the tool', async (t) => {
  const { image, task } = await imported(await readFile(join(directory, 'backed')), 'qcow2', [2, 0])
  t.match(image, { status: 'queued', disk_format: 'qcow2', size: null })
  t.match(task, { status: 'failure', message: /backing/ })
})

t.test('nothing is left of it on any disk', async (t) => {
  for (const index of [0, 1, 2]) {
    const state = await readdir(cluster.node(index).directory, { recursive: true })
    t.strictSame(
      state.filter((name) => /(^|\/)scratch\/./.test(name)),
      [],
    )
  }
})
