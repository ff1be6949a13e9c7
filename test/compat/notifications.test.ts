/**
 * What other services are told of images, by a real RabbitMQ to a real listener of oslo.messaging: the same as a real Glance
 * tells them, and nothing is lost while the broker is away. Run by its name, or with SERAC_PROBE=full.
 */
import t, { type Test } from 'tap'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { describe, ImageClient } from '../helpers/image-client.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { clientCluster } from './client-cluster.ts'
import { must } from './moving/glance-gallery.ts'
import { Listener, type Notification } from './notifications/listener.ts'
import { RealGlance } from './real-glance.ts'
import { RealRabbit } from './real-rabbit.ts'

/** Made while the broker is away. */
const AWAY = isFullForm ? 2000 : 200
const BYTES = Buffer.alloc(100_000, 'x')
const LIMITS = { limitMs: 60_000 }
const PATCH = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
/** Without a token every request of that Glance is the administrator's. */
const OPEN_GLANCE = [
  { section: 'paste_deploy', name: 'flavor', value: '' },
  { section: 'DEFAULT', name: 'enforce_secure_rbac', value: 'false' },
  { section: 'oslo_policy', name: 'enforce_new_defaults', value: 'false' },
]

t.setTimeout(900_000)
const rabbit = await RealRabbit.start(t)
const listener = await Listener.start(t, rabbit.url)

function telling(publisher: string, url = rabbit.url) {
  return [
    { section: 'DEFAULT', name: 'default_publisher_id', value: publisher },
    { section: 'oslo_messaging_notifications', name: 'driver', value: 'messagingv2' },
    { section: 'oslo_messaging_notifications', name: 'transport_url', value: url },
  ]
}

async function heard(t: Test, publisher: string, count: number): Promise<Notification[]> {
  const isAll = await waitFor(async () => listener.from(publisher).length >= count, LIMITS)
  t.ok(isAll, `${publisher} tells ${count}, heard ${listener.from(publisher).length}`)
  return listener.from(publisher)
}

const cluster = await clientCluster(t, telling('image.serac'), 1)
const client = new ImageClient(cluster.node(0).apiUrl)

/** The whole life of an image; answers its id. */
async function live(with_: ImageClient): Promise<string> {
  const id = await with_.newImage({ name: 'ü', visibility: 'shared', owner: 'p1', tags: ['t'], hw_k: 'v' })
  const change = Buffer.from(JSON.stringify([{ op: 'replace', path: '/name', value: 'other' }]))
  const patched = await with_.send('PATCH', `/v2/images/${id}`, { headers: PATCH, body: change })
  if (patched.status !== 200) throw new Error(describe(patched))
  const put = await with_.put(id, BYTES)
  if (put.status !== 204) throw new Error(describe(put))
  const read = await with_.data(id)
  if (!read.body.equals(BYTES)) throw new Error(describe(read))
  const member = `/v2/images/${id}/members/m1`
  await must(with_, 'POST', `/v2/images/${id}/members`, { member: 'm1' })
  await must(with_, 'PUT', member, { status: 'accepted' })
  await must(with_, 'DELETE', member)
  await must(with_, 'POST', `/v2/images/${id}/actions/deactivate`)
  await must(with_, 'POST', `/v2/images/${id}/actions/reactivate`)
  await must(with_, 'PUT', `/v2/images/${id}/tags/one`)
  await must(with_, 'DELETE', `/v2/images/${id}`)
  return id
}

const EVENTS = [
  'image.create',
  'image.update',
  ...['image.update', 'image.prepare', 'image.upload', 'image.activate', 'image.update'],
  'image.send',
  ...['image.member.create', 'image.member.update', 'image.member.delete'],
  ...['image.update', 'image.update', 'image.update'],
  'image.delete',
]

t.test('the life of an image, told as the documents of Glance have it', async (t) => {
  const id = await live(client)
  const told = await heard(t, 'image.serac', EVENTS.length)
  t.strictSame(
    told.map(({ event }) => event),
    EVENTS,
  )
  t.ok(told.every(({ priority }) => priority === 'INFO'))
  for (const { metadata } of told)
    t.match(metadata, { message_id: /^[\da-f-]{36}$/, timestamp: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/ })
  const of = (event: string) => told.findLast((each) => each.event === event)?.payload
  t.match(of('image.create'), { id, name: 'ü', status: 'queued', properties: { hw_k: 'v' }, tags: ['t'] })
  t.match(of('image.upload'), { id, name: 'other', size: BYTES.length, os_glance_failed_import: [] })
  t.match(of('image.send'), { image_id: id, bytes_sent: BYTES.length, owner_id: 'p1' })
  t.match(of('image.member.update'), { image_id: id, member_id: 'm1', status: 'accepted', deleted: false })
  t.match(of('image.delete'), { id, deleted: true, deleted_at: /^20/ })
})

t.test('a failed upload is an error, in words', async (t) => {
  const before = listener.from('image.serac').length
  const id = await client.newImage()
  const broken = client.upload(id, BYTES, { 'content-length': BYTES.length, 'x-openstack-image-size': '7' })
  t.equal((await broken.answer).status, 400)
  const refused = client.upload(id, endless(), {})
  await waitFor(async () => (await client.show(id)).status === 'saving', LIMITS)
  refused.destroy()
  await refused.answer.catch(() => {})
  await waitFor(async () => listener.from('image.serac').some(({ priority }) => priority === 'ERROR'), LIMITS)
  const errors = listener
    .from('image.serac')
    .slice(before)
    .filter(({ priority }) => priority === 'ERROR')
  t.match(errors, [{ event: 'image.upload', payload: new RegExp(id) }])
})

t.test('while the broker is away nobody waits, and afterwards all is told in its order', async (t) => {
  const before = listener.from('image.serac').length
  await rabbit.kill()
  const ids: string[] = []
  for (let index = 0; index < AWAY; index++) ids.push(await client.newImage({ name: `away ${index}` }))
  t.equal(listener.from('image.serac').length, before)
  await rabbit.revive()
  const told = (await heard(t, 'image.serac', before + AWAY)).slice(before)
  t.strictSame(
    told.map(({ event, payload }) => [event, (payload as { id: string }).id]),
    ids.map((id) => ['image.create', id]),
  )
})

t.test('durable and quorum queues are declared as those that listen do', async (t) => {
  for (const setting of ['amqp_durable_queues', 'rabbit_quorum_queue']) {
    const broker = await RealRabbit.start(t)
    const other = await Listener.start(t, broker.url, [`${setting}=true`])
    const rabbitOption = { section: 'oslo_messaging_rabbit', name: setting, value: 'true' }
    const nodes = await clientCluster(t, [...telling(setting, broker.url), rabbitOption], 1)
    const images = new ImageClient(nodes.node(0).apiUrl)
    await images.newImage()
    t.ok(await waitFor(async () => other.from(setting).length === 1, LIMITS), setting)
    await images.newImage()
    t.ok(await waitFor(async () => other.from(setting).length === 2, LIMITS), setting)
  }
})

t.test('a real Glance tells the same, in the same fields', async (t) => {
  const glance = await RealGlance.start(t, [...OPEN_GLANCE, ...telling('image.glance')])
  await live(new ImageClient(glance.url))
  const theirs = await heard(t, 'image.glance', EVENTS.length)
  const ours = listener.from('image.serac').slice(0, EVENTS.length)
  t.strictSame(
    theirs.map(({ event }) => event),
    ours.map(({ event }) => event),
  )
  for (const [index, { event, payload }] of theirs.entries())
    t.strictSame(formOf(ours[index]?.payload), formOf(payload), event)
})

/** The names of the fields with the types of their values; of times the form. */
function formOf(payload: unknown): unknown {
  return Object.fromEntries(
    Object.entries(payload as object)
      .map(([name, value]: [string, unknown]): [string, unknown] => [name, kindOf(name, value)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function kindOf(name: string, value: unknown): unknown {
  if (value === null || typeof value !== 'string') return Array.isArray(value) ? 'array' : typeof value
  return name.endsWith('_at') ? value.replaceAll(/\d/g, '0') : 'string'
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield Buffer.alloc(10_000)
    await new Promise((wake) => setTimeout(wake, 100))
  }
}
