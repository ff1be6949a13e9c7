/** What other services are told: types, payloads and form as oslo.messaging has them; and that a broker holds up nobody. */
import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { ImageRegisters } from '../../../node/images/image-registers.ts'
import { countedRead } from '../../../node/images/counted-read.ts'
import type { Broker, OutgoingMessage } from '../../../node/notifications/broker.ts'
import { ImageNotifications } from '../../../node/notifications/image-notifications.ts'
import { Notifier } from '../../../node/notifications/notifier.ts'
import { Outbox } from '../../../node/notifications/outbox.ts'
import { parseTransportUrl } from '../../../node/config/transport-url.ts'
import { recordingLog, type LogEntry } from '../../helpers/api-server.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import {
  activeImage,
  grantOf,
  ID,
  imageOf,
  memberOf,
  NOW,
  owner,
  quotas,
  UPLOAD_ID,
} from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

interface Told {
  type: string
  priority: string
  payload: Record<string, unknown>
}

function imagesOf() {
  const told: Told[] = []
  const notify = (type: string, priority: string, payload: unknown) =>
    void told.push({ type, priority, payload: payload as Told['payload'] })
  const { onApplied, onRead } = new ImageNotifications({ notify }, 'cluster')
  const memory = new MemoryRegisters()
  const learned = (key: string) => memory.rows.get(key) ?? null
  const registers = new ImageRegisters({ registers: memory, index: memory.index, learned, onApplied })
  const types = () => told.splice(0).map(({ type }) => type)
  return { told, types, registers, memory, onRead }
}

const grant = grantOf(owner)

t.test('the life of an image, each event once, in the order of Glance', async (t) => {
  const { told, types, registers } = imagesOf()
  const upload = { uploadId: UPLOAD_ID, node: 'a', startNonce: '1'.repeat(16) }
  await registers.apply(ID, 'image.create', { record: imageOf({ properties: { a: 'b' } }), quotas })
  t.match(told[0], {
    type: 'image.create',
    priority: 'INFO',
    payload: {
      id: ID,
      status: 'queued',
      created_at: NOW,
      is_public: false,
      visibility: 'shared',
      properties: { a: 'b' },
      deleted: false,
      deleted_at: null,
    },
  })
  t.notOk('locations' in told[0]!.payload)
  t.strictSame(types(), ['image.create'])
  await registers.apply(ID, 'image.start-upload', { grant, upload, now: NOW })
  t.match(told[1]?.payload, {
    status: 'saving',
    backend: 'cluster',
    os_glance_importing_to_stores: [],
    os_glance_failed_import: [],
  })
  t.strictSame(types(), ['image.update', 'image.prepare'])
  const { data } = activeImage()
  const digests = { sizeBytes: 5, virtualSize: null, md5: 'c5', sha512: 'd5' }
  await registers.apply(ID, 'image.finish-upload', { uploadId: UPLOAD_ID, data: data!, ...digests, now: NOW })
  t.match(told[1]?.payload, { status: 'active', size: 5, checksum: 'c5' })
  t.strictSame(types(), ['image.upload', 'image.activate', 'image.update'])
  await registers.apply(ID, 'image.delete', { grant, now: NOW })
  t.match(told[0]?.payload, { id: ID, deleted: true, deleted_at: NOW })
  t.strictSame(types(), ['image.delete'])
})

t.test('an import is told as an upload is; a copy makes nothing active', async (t) => {
  const { told, types, registers, memory } = imagesOf()
  const upload = { uploadId: UPLOAD_ID, node: 'a', startNonce: '1'.repeat(16) }
  const begin = (method: 'web-download' | 'copy-image') => ({
    ...{ grant, method, upload, taskId: 't', stores: ['main'], staged: null, now: NOW },
  })
  const { data } = activeImage()
  const digests = { sizeBytes: 5, virtualSize: null, md5: 'c5', sha512: 'd5' }
  const finish = { uploadId: UPLOAD_ID, data: data!, ...digests, now: NOW }
  memory.put(imageOf())
  await registers.apply(ID, 'image.begin-import', begin('web-download'))
  t.notOk('backend' in told[0]!.payload)
  t.match(told[1]?.payload, { backend: 'main' })
  t.strictSame(types(), ['image.update', 'image.prepare'])
  memory.put(imageOf())
  const objects = [{ store: 'big', name: 'x', url: 's3://x' }] as never
  await registers.apply(ID, 'image.start-upload', { grant, upload: { ...upload, objects }, now: NOW })
  t.match(told[1]?.payload, { backend: 'big' })
  types()
  memory.put(imageOf({ status: 'importing', upload }))
  const changes = { properties: { a: 'b' }, formats: null }
  await registers.apply(ID, 'image.finish-changed-import', { ...finish, changes })
  t.strictSame(types(), ['image.upload', 'image.activate', 'image.update'])
  memory.put(activeImage({ data: null, locations: [{ url: 'http://mirror.example/', metadata: {} }] }))
  await registers.apply(ID, 'image.begin-import', begin('copy-image'))
  await registers.apply(ID, 'image.finish-import', finish)
  t.strictSame(types().slice(-2), ['image.upload', 'image.update'])
  memory.put(imageOf({ status: 'importing', upload }))
  await registers.apply(ID, 'image.fail-import', { uploadId: UPLOAD_ID, now: NOW })
  t.strictSame(types(), ['image.upload'])
})

t.test('what is refused is told to nobody, a failed upload as an error', async (t) => {
  const { told, types, registers, memory } = imagesOf()
  await t.rejects(registers.apply(ID, 'image.delete', { grant, now: NOW }), { code: 'NOT_FOUND' })
  t.strictSame(types(), [])
  const upload = { uploadId: UPLOAD_ID, node: 'a', startNonce: '1'.repeat(16) }
  memory.put(imageOf({ status: 'saving', upload }))
  await registers.apply(ID, 'image.abort-upload', { uploadId: UPLOAD_ID, now: NOW })
  t.match(told, [{ type: 'image.upload', priority: 'ERROR', payload: new RegExp(ID) }])
})

t.test('members, as they were when they go', async (t) => {
  const { told, types, registers, memory } = imagesOf()
  memory.put(imageOf({ members: [memberOf('p-9')] }))
  const now = NOW
  await registers.apply(ID, 'image.add-member', { grant, memberId: 'p-2', quota: 9, now })
  await registers.apply(ID, 'image.remove-member', { grant, memberId: 'p-9', now })
  t.match(told, [
    { payload: { image_id: ID, member_id: 'p-2', status: 'pending', deleted: false, deleted_at: null } },
    { payload: { image_id: ID, member_id: 'p-9', status: 'accepted', deleted: true, deleted_at: /^2026/ } },
  ])
  t.strictSame(types(), ['image.member.create', 'image.member.delete'])
})

t.test('a download is told when it is over, and as an error when it was not all', async (t) => {
  const { told, onRead } = imagesOf()
  const lease = { bytes: new Uint8Array(3), release() {} }
  const read = countedRead(
    async function* () {
      yield lease
      yield lease
    },
    (...bytes) => onRead(owner, activeImage(), ...bytes),
  )
  const signal = new AbortController().signal
  for await (const piece of read(0, 5, signal)) t.equal(piece.bytes.length, 3)
  const left = read(0, 5, signal)[Symbol.asyncIterator]()
  await left.next()
  await left.return?.()
  t.match(told, [
    {
      type: 'image.send',
      priority: 'INFO',
      payload: { bytes_sent: 6, image_id: ID, owner_id: 'project-1', receiver_user_id: 'user-1' },
    },
    { type: 'image.send', priority: 'ERROR', payload: { bytes_sent: 0 } },
  ])
})

t.test('messages are oslo.messaging 2.0; types and groups can be left out', async (t) => {
  const sent: OutgoingMessage[] = []
  const clock = new ManualClock('2026-02-28T23:59:59.123Z')
  const outbox = { put: (make: () => OutgoingMessage) => void sent.push(make()) }
  const notifierWith = (disabled: string[]) =>
    new Notifier(
      { clock, outbox },
      { publisherId: 'image.here', topics: ['notifications', 'audit'], disabled },
    )
  notifierWith([]).notify('image.send', 'ERROR', { bytes_sent: 1 })
  t.strictSame(
    sent.map(({ routingKey }) => routingKey),
    ['notifications.error', 'audit.error'],
  )
  const outer = JSON.parse(sent[0]!.body.toString()) as Record<string, string>
  t.equal(outer['oslo.version'], '2.0')
  const message = JSON.parse(outer['oslo.message']!) as Record<string, unknown>
  t.match(message, {
    message_id: /^[0-9a-f-]{36}$/,
    publisher_id: 'image.here',
    event_type: 'image.send',
    priority: 'ERROR',
    timestamp: '2026-02-28 23:59:59.123000',
    payload: { bytes_sent: 1 },
    _unique_id: /^[0-9a-f]{32}$/,
  })
  sent.length = 0
  notifierWith(['image.send']).notify('image.send', 'INFO', {})
  notifierWith(['image']).notify('image.member.create', 'INFO', {})
  t.strictSame(sent, [])
  notifierWith(['image.send']).notify('image.create', 'INFO', {})
  t.equal(sent.length, 2)
})

/** A broker that can be away, hang, and lose its links. */
class FakeBroker implements Broker {
  isAway = false
  isHung = false
  readonly taken: string[] = []
  links = 0

  async connect() {
    if (this.isAway) throw new Error('connect ECONNREFUSED')
    this.links++
    return {
      publish: async ({ body }: OutgoingMessage) => {
        if (this.isHung) await new Promise(() => {})
        if (this.isAway) throw new Error('the link broke')
        this.taken.push(body.toString())
      },
      close: async () => {},
    }
  }
}

function outboxOf() {
  const broker = new FakeBroker()
  const clock = new ManualClock()
  const entries: LogEntry[] = []
  const outbox = new Outbox({ clock, log: recordingLog(entries), broker })
  const put = (text: string) => outbox.put(() => ({ routingKey: 'k', body: Buffer.from(text) }))
  return { broker, clock, entries, outbox, put }
}

async function ended(outbox: Outbox, clock: ManualClock): Promise<void> {
  const stopped = outbox.stop()
  for (let i = 0; i < 60; i++) await clock.advance(50)
  await stopped
}

t.test('what a broker misses while it is away comes when it is back, in order', async (t) => {
  const { broker, clock, entries, outbox, put } = outboxOf()
  outbox.start()
  put('1')
  await settled()
  t.strictSame(broker.taken, ['1'])
  broker.isAway = true
  put('2')
  put('3')
  await settled()
  t.match(entries, [{ level: 'warn', fields: { waiting: 2 } }])
  broker.isAway = false
  await clock.advance(1000)
  await settled()
  t.strictSame(broker.taken, ['1', '2', '3'])
  t.equal(broker.links, 2, 'on a new link')
  await ended(outbox, clock)
})

t.test('a broker that hangs is left, and nothing is lost by that', async (t) => {
  const { broker, clock, outbox, put } = outboxOf()
  outbox.start()
  broker.isHung = true
  put('1')
  await settled()
  await clock.advance(15_000)
  broker.isHung = false
  await clock.advance(1000)
  await settled()
  t.strictSame(broker.taken, ['1'])
  t.equal(broker.links, 2)
  await ended(outbox, clock)
})

t.test('the queue is bounded: the newest are dropped, said once, and counted', async (t) => {
  const { broker, clock, entries, outbox, put } = outboxOf()
  broker.isAway = true
  for (let i = 0; i < 10_003; i++) put(String(i))
  t.equal(entries.filter(({ level }) => level === 'error').length, 1)
  broker.isAway = false
  outbox.start()
  for (let i = 0; i < 400 && broker.taken.length < 10_000; i++) await settled()
  t.equal(broker.taken.length, 10_000)
  t.equal(broker.taken.at(-1), '9999')
  t.match(entries.at(-1), { level: 'warn', fields: { dropped: 3 } })
  await ended(outbox, clock)
})

t.test('a node stops also while its broker is away', async (t) => {
  const { broker, clock, outbox, put } = outboxOf()
  broker.isAway = true
  outbox.start()
  put('1')
  await settled()
  await ended(outbox, clock)
  t.strictSame(broker.taken, [])
  await new Outbox({ clock, log: silentLog, broker }).stop()
})

t.test('where brokers are', async (t) => {
  t.match(parseTransportUrl('rabbit://u:p%40w@10.0.0.1:5673,u2:p@[::1]/glance'), [
    { protocol: 'amqp', hostname: '10.0.0.1', port: 5673, username: 'u', password: 'p@w', vhost: 'glance' },
    { hostname: '::1', port: 5672, username: 'u2' },
  ])
  t.match(parseTransportUrl('rabbit://mq/?ssl=1'), [
    { protocol: 'amqps', port: 5671, username: 'guest', vhost: '/' },
  ])
  for (const bad of ['http://mq/', 'rabbit://', 'rabbit://u:secret@:99999/', 'rabbit://u:50%off@mq/'])
    t.equal(parseTransportUrl(bad), null)
})
