import t from 'tap'
import { OutboundRules, type OutboundOptions } from '../../../node/outbound/outbound-rules.ts'
import { addressList, isSpecial, meaningsOf } from '../../../node/outbound/special-addresses.ts'

export const anyPort: OutboundOptions = {
  allowedSchemes: ['http', 'https'],
  disallowedSchemes: [],
  allowedHosts: [],
  disallowedHosts: [],
  allowedPorts: [],
  disallowedPorts: [],
  allowedAddresses: [],
  disallowedAddresses: [],
}
const rulesOf = (options: Partial<OutboundOptions> = {}) => new OutboundRules({ ...anyPort, ...options })
const REFUSED = { code: 'OUTBOUND_REFUSED' }

/** As Python, browsers and attackers write addresses. */
const NASTY = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://127.0.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.0.0.1/',
  'http://0x7F.1/',
  'http://017700000001/',
  'http://0177.0.0.1/',
  'http://127.0.0.1./',
  'http://%31%32%37.0.0.1/',
  'http://127%2e0%2e0%2e1/',
  'http://%6c%6fcalhost/',
  'http://\uff11\uff12\uff17.0.0.1/',
  'http://127\u30020.0.1/',
  'http://\u2460\u2461\u2466.0.0.1/',
  'http://0/',
  'http://0.0.0.0/',
  'http://[::]/',
  'http://[::1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::FFFF:169.254.169.254]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::127.0.0.1]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[64:ff9b:1::1]/',
  'http://[2002:7f00:1::]/',
  'http://[2002:a9fe:a9fe::1]/',
  'http://[2001:0:1:2:3:4:5:6]/',
  'http://[::ffff:0:127.0.0.1]/',
  'http://[fe80::1]/',
  'http://[fe80::1%25eth0]/',
  'http://[ff02::1]/',
  'http://[fd00:ec2::254]/',
  'http://169.254.169.254/latest/meta-data/',
  'http://2852039166/',
  'http://0xa9fea9fe/',
  'http://100.100.100.200/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://user@127.0.0.1/',
  'http://good.example@127.0.0.1/',
  'http://good.example#@127.0.0.1:80@127.0.0.1/',
  'http://good.example\\@127.0.0.1/',
  'http://127.0.0.1\t/',
  'ht\ntp://127.0.0.1/',
  ' http://127.0.0.1/',
  'http:127.0.0.1/',
  'http:///127.0.0.1/',
  'http://',
  'http:///',
  '//127.0.0.1/',
  '',
  'file:///etc/passwd',
  'ftp://mirror.example/',
  'gopher://mirror.example/',
  'serac://mirror.example/',
  'javascript:1',
]
for (const url of NASTY)
  t.test(`refused: ${JSON.stringify(url)}`, async (t) => {
    // This one names a good host and only looks bad.
    if (url.includes('#@')) return void t.equal(rulesOf().checkUrl(url).hostname, 'good.example')
    t.throws(() => rulesOf().checkUrl(url), REFUSED)
  })

t.test('allowed: names, private networks, public addresses', async (t) => {
  for (const url of [
    'http://mirror.example/image',
    'https://user:secret@mirror.example:8443/a?b#c',
    'http://10.0.0.5/',
    'http://192.168.1.1:8080/',
    'http://172.16.0.1/',
    'http://8.8.8.8/',
    'http://[2a00:1450::5]/',
    'http://[::ffff:8.8.8.8]/',
    'http://m\u00fcnchen.example/',
    'http://MIRROR.example./',
  ])
    t.doesNotThrow(() => rulesOf().checkUrl(url), url)
})

t.test('what a name leads to is held to the same addresses', async (t) => {
  for (const address of [
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '169.254.169.254',
    '2002:7f00:1::',
    'nonsense',
  ])
    t.throws(() => rulesOf().checkAddress(address), REFUSED, address)
  for (const address of ['10.0.0.1', '8.8.8.8', '2a00:1450::5', 'fd12::1'])
    t.doesNotThrow(() => rulesOf().checkAddress(address), address)
})

t.test('operators open and close addresses', async (t) => {
  const rules = rulesOf({
    allowedAddresses: ['127.0.0.0/30', '::1'],
    disallowedAddresses: ['10.0.0.0/8', 'fd12::/16'],
  })
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '192.168.0.1'])
    t.doesNotThrow(() => rules.checkAddress(address), address)
  for (const address of ['127.0.0.9', '10.1.2.3', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', 'fd12::1'])
    t.throws(() => rules.checkAddress(address), REFUSED, address)
  t.doesNotThrow(() => rules.checkUrl('http://127.0.0.1/'))
  t.throws(() => rules.checkUrl('http://0x7f.1/'), REFUSED, 'but never in disguise')
})

t.test('schemes, hosts and ports as in Glance: what is allowed makes what is not void', async (t) => {
  const only = rulesOf({ allowedHosts: ['Mirror.example.', '10.0.0.5'], disallowedHosts: ['mirror.example'] })
  for (const url of ['http://mirror.example/', 'http://MIRROR.EXAMPLE./', 'http://10.0.0.5/'])
    t.doesNotThrow(() => only.checkUrl(url), url)
  t.throws(() => only.checkUrl('http://other.example/'), REFUSED)
  const not = rulesOf({ disallowedHosts: ['bad.example'], allowedSchemes: [], disallowedSchemes: ['http'] })
  t.throws(() => not.checkUrl('https://bad.example./'), REFUSED)
  t.throws(() => not.checkUrl('https://BAD.example/'), REFUSED)
  t.throws(() => not.checkUrl('http://good.example/'), REFUSED)
  t.doesNotThrow(() => not.checkUrl('https://good.example/'))
  const ports = rulesOf({ allowedPorts: [80, 443] })
  for (const url of ['http://a.example/', 'https://a.example/', 'https://a.example:80/'])
    t.doesNotThrow(() => ports.checkUrl(url), url)
  t.throws(() => ports.checkUrl('http://a.example:8080/'), REFUSED)
  t.throws(() => rulesOf({ disallowedPorts: [443] }).checkUrl('https://a.example/'), REFUSED)
})

t.test('a list of addresses that cannot be read is refused as a whole', async (t) => {
  for (const entry of ['localhost', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', '10.0.0.0/', '', '10.1'])
    t.throws(() => addressList(['10.0.0.0/8', entry]), entry)
})

t.test('IPv6 in which an IPv4 address stands', async (t) => {
  t.strictSame(meaningsOf('::ffff:1.2.3.4'), ['::ffff:1.2.3.4', '1.2.3.4'])
  t.strictSame(meaningsOf('64:ff9b::102:304'), ['64:ff9b::102:304', '1.2.3.4'])
  t.strictSame(meaningsOf('2002:102:304::'), ['2002:102:304::', '1.2.3.4'])
  t.strictSame(meaningsOf('2a00::102:304'), ['2a00::102:304'])
  t.notOk(isSpecial('2a00::102:304'))
})
