import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import fc from 'fast-check'
import t from 'tap'
import {
  decodeHintBatch,
  encodeHintBatch,
  HINT_BATCH_BYTES_MAX,
} from '../../../cluster/gossip/hint-messages.ts'
import { type Hint, Hints } from '../../../cluster/gossip/hints.ts'
import { hintsTopic } from '../../../cluster/gossip/topics.ts'
import { type Clock, silentLog } from '../../../cluster/runtime.ts'

const identity = { id: 'me', startNonce: '0123456789abcdef' }
const CLUSTER = 'c'.repeat(32)

/** Fires its timers only when told. */
function scene({ fails = false } = {}) {
  const due: (() => void)[] = []
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    after: (_delayMs, action) => {
      due.push(action)
      return () => void due.splice(due.indexOf(action), 1)
    },
  }
  const sent: Uint8Array[] = []
  const target = new EventTarget()
  const gossip = Object.assign(target, {
    subscribe() {},
    async publish(_topic: string, data: Uint8Array) {
      if (fails) throw new Error('PublishError.Duplicate')
      sent.push(data)
      return { recipients: [] }
    },
  }) as unknown as GossipSub
  const hints = new Hints({ identity, clock, log: silentLog })
  const hear = (data: Uint8Array, topic = hintsTopic(CLUSTER)) =>
    target.dispatchEvent(new CustomEvent('message', { detail: { topic, data } }))
  return { hints, gossip, sent, hear, due, fire: () => due.shift()?.() }
}

const changed = (n: number): Hint => ({ kind: 'changed', key: `image/${n}` })

t.test('hints are gathered, the newest about a subject stays, and no two messages are alike', async (t) => {
  const { hints, gossip, sent, due, fire } = scene()
  hints.publish(changed(0))
  t.equal(due.length, 0, 'before start a hint is lost, and nothing throws')
  hints.start(gossip, CLUSTER)
  const ballot = { counter: 2, nonce: '0123456789abcdef' }
  hints.publish(changed(1))
  hints.publish({ ...changed(1), ballot } as Hint)
  hints.publish({ kind: 'holds', root: 'ab'.repeat(32) })
  t.equal(due.length, 1)
  fire()
  t.same(decodeHintBatch(sent[0]!)?.hints, [
    { ...changed(1), ballot },
    { kind: 'holds', root: 'ab'.repeat(32) },
  ])
  t.equal(decodeHintBatch(sent[0]!)?.from, 'me')
  hints.publish(changed(1))
  fire()
  hints.publish(changed(1))
  fire()
  t.not(
    Buffer.from(sent[1]!).toString('hex'),
    Buffer.from(sent[2]!).toString('hex'),
    'else gossip would drop it',
  )
})

t.test(
  'a flood is cut into messages under the cap, one per interval, and dropped beyond the queue',
  async (t) => {
    const { hints, gossip, sent, due, fire } = scene()
    hints.start(gossip, CLUSTER)
    for (let n = 0; n < 5_000; n++) hints.publish(changed(n))
    t.equal(hints.counts.dropped, 5_000 - 4_096)
    while (due.length > 0) {
      t.equal(due.length, 1)
      fire()
    }
    t.equal(hints.counts.published, 4_096)
    t.ok(sent.every((data) => data.length <= HINT_BATCH_BYTES_MAX))
    const received = sent.flatMap((data) => decodeHintBatch(data)?.hints ?? [])
    t.equal(received.length, 4_096, 'each message is a valid batch')
  },
)

t.test('a gossip that fails, and a listener that throws, harm nobody', async (t) => {
  const { hints, gossip, fire, hear } = scene({ fails: true })
  hints.start(gossip, CLUSTER)
  hints.publish(changed(1))
  fire()
  const heard: Hint[] = []
  hints.onHint(() => {
    throw new Error('listener')
  })
  hints.onHint((hint) => heard.push(hint))
  hear(encodeHintBatch({ from: 'other', serial: '1', hints: [changed(7)] }))
  t.same(heard, [changed(7)])
})

t.test('malformed and oversized messages are counted and ignored, other topics not even that', async (t) => {
  const { hints, gossip, hear } = scene()
  hints.start(gossip, CLUSTER)
  hints.onHint(() => t.fail('nothing valid was sent'))
  const root = 'AB'.repeat(32)
  const bad = [
    new Uint8Array(),
    new Uint8Array([0xff, 1, 2]),
    new Uint8Array(HINT_BATCH_BYTES_MAX + 1),
    encodeHintBatch({ from: 'x', serial: '1', hints: [{ kind: 'holds', root }] }),
    encodeHintBatch({ from: 'x', serial: '1', hints: [{ kind: 'changed', key: 'k'.repeat(513) }] }),
    encodeHintBatch({ from: 'x', serial: '1', hints: 'none' as never }),
  ]
  for (const data of bad) hear(data)
  t.equal(hints.counts.malformed, bad.length)
  hear(bad[0]!, hintsTopic('another'))
  t.equal(hints.counts.malformed, bad.length)
  const unknown = encodeHintBatch({ from: 'x', serial: '1', hints: [{ kind: 'hologram' } as never] })
  t.same(decodeHintBatch(unknown)?.hints, [], 'a kind of a newer release is no fault')
})

t.test('random bytes never throw', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeHintBatch(bytes)
      return true
    }),
  )
  t.pass('decoded')
})
