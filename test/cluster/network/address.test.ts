import t from 'tap'
import { formatHostPort, parseHostPort, toMultiaddr } from '../../../cluster/network/address.ts'

t.test('host:port texts', async (t) => {
  t.same(parseHostPort('10.0.0.1:9293'), { host: '10.0.0.1', port: 9293 })
  t.same(parseHostPort('[fd00::1]:9293'), { host: 'fd00::1', port: 9293 })
  t.same(parseHostPort('controller-1.example:0'), { host: 'controller-1.example', port: 0 })
  for (const text of [
    '10.0.0.1',
    ':1',
    'fd00::1:9293',
    'host:65536',
    'a/b:1',
    '[nonsense]:1',
    'host:-1',
    '',
  ]) {
    t.throws(() => parseHostPort(text), { message: /host:port/ }, text)
  }
  for (const text of ['10.0.0.1:9293', '[fd00::1]:9293', 'controller-1:9293']) {
    t.equal(formatHostPort(parseHostPort(text)), text)
  }
})

t.test('multiaddrs pin the peer', async (t) => {
  const peer = '12D3KooWMEpQFPzunmoL7jF7JpgWHHATQjQNdnRCrRHbTspsSFeq'
  t.equal(toMultiaddr('10.0.0.1:1', peer).toString(), `/ip4/10.0.0.1/tcp/1/p2p/${peer}`)
  t.equal(toMultiaddr('[::1]:1').toString(), '/ip6/::1/tcp/1')
  t.equal(toMultiaddr('controller-1:1').toString(), '/dns/controller-1/tcp/1')
})
