import fc from 'fast-check'
import t from 'tap'
import { type Hello, judgeHello, parseHello, parseHelloAnswer } from '../../../cluster/membership/hello.ts'

const hello: Hello = {
  clusterId: 'c'.repeat(32),
  epoch: 3,
  nodeId: 'node',
  startNonce: '0123456789abcdef',
  dbUuid: 'uuid',
  version: '0.1.0',
  wire: { libp2p: 'libp2p 3.3.11', gossipsub: 'gossipsub 17.1.1', gossipProtocols: ['/meshsub/1.2.0'] },
  featureLevel: 1,
  apiUrl: 'http://10.0.0.1:9292',
  bulkAddress: '10.0.0.1:9294',
  controlAddress: '10.0.0.1:9293',
}

t.test('what was sent is what is read; fields of a newer release are left out', async (t) => {
  t.same(parseHello(hello), hello)
  t.same(parseHello({ ...hello, hologram: true }), hello)
  t.same(parseHelloAnswer({ hello, refusal: null }), { hello, refusal: null })
  const refusal = { code: 'DUPLICATE_IDENTITY', message: 'why' }
  t.same(parseHelloAnswer({ hello, refusal }), { hello, refusal })
})

t.test('anything else is refused', async (t) => {
  for (const key of Object.keys(hello))
    t.equal(parseHello({ ...hello, [key]: undefined }), null, `without ${key}`)
  t.equal(parseHello({ ...hello, epoch: -1 }), null)
  t.equal(parseHello({ ...hello, apiUrl: 'x'.repeat(10_000) }), null)
  t.equal(parseHelloAnswer({ hello, refusal: { code: 'RM_RF', message: '' } }), null)
  t.equal(parseHelloAnswer({ hello }), null, 'silence about the refusal is not consent')
  fc.assert(
    fc.property(fc.anything(), (value) => parseHello(value) === null && parseHelloAnswer(value) === null),
  )
})

t.test('the verdict is the same on both sides', async (t) => {
  const foreign = { ...hello, clusterId: 'd'.repeat(32) }
  const deaf = { ...hello, wire: { ...hello.wire, gossipProtocols: ['/other/1'] } }
  const older = {
    ...hello,
    wire: { ...hello.wire, libp2p: 'libp2p 2.10.0', gossipProtocols: ['/meshsub/1.2.0', '/x'] },
  }
  for (const [theirs, code] of [
    [foreign, 'FOREIGN_CLUSTER'],
    [deaf, 'INCOMPATIBLE_PEER'],
  ] as const) {
    t.equal(judgeHello(hello, theirs, 1)?.code, code)
    t.equal(judgeHello(theirs, hello, 1)?.code, code)
  }
  t.equal(judgeHello(hello, older, 1), null, 'one shared gossip protocol is enough: rolling upgrades need it')
})

t.test('a release that does not understand what the cluster uses is refused, by name', async (t) => {
  const newer = { ...hello, nodeId: 'newer', version: '0.2.0', featureLevel: 2 }
  t.equal(judgeHello(newer, hello, 1), null, 'while nothing of the newer level is used, both get along')
  for (const [ours, theirs] of [
    [newer, hello],
    [hello, newer],
  ] as const)
    t.match(judgeHello(ours, theirs, 2), {
      code: 'INCOMPATIBLE_PEER',
      message:
        /node node runs release 0.1.0, which understands feature level 1, and this cluster uses level 2/,
    })
})
