/**
 * Addresses that no user's URL should lead a controller to: itself, its links (where clouds keep their metadata services),
 * groups, and what belongs to nobody. Private networks are not among them: mirrors live there, and operators close those
 * that are none of their users' business (IANA's registries of special-purpose addresses).
 */
import { BlockList, isIP, isIPv6 } from 'node:net'

const SPECIAL = addressList([
  '0.0.0.0/8', // this host
  '100.64.0.0/10', // carriers and clouds among themselves; one cloud's metadata
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // the link; metadata
  '192.0.0.0/24', // protocols
  '192.0.2.0/24', // documents
  '192.88.99.0/24', // relays
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documents
  '203.0.113.0/24', // documents
  '224.0.0.0/4', // groups
  '240.0.0.0/4', // reserved, broadcast
  '::/128', // this host
  '::1/128', // loopback
  '64:ff9b:1::/48', // translation of a local kind
  '100::/64', // discarded
  '2001::/32', // tunnels to an address that stands inside, disguised
  '2001:db8::/32', // documents
  'fd00:ec2::/32', // one cloud's metadata
  'fe80::/10', // the link
  'fec0::/10', // the site, long ago
  'ff00::/8', // groups
])

/** Throws an Error for what is neither an address nor `ADDRESS/BITS`. */
export function addressList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits, ...more] = entry.split('/')
    const family = isIP(address)
    const bitsMax = family === 6 ? 128 : 32
    const count = bits === undefined ? bitsMax : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN
    if (family === 0 || more.length > 0 || !(count <= bitsMax)) throw new Error(`${entry} is no address`)
    list.addSubnet(address, count, family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

export function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/** `address` is an IP address. */
export function isSpecial(address: string): boolean {
  return isIn(SPECIAL, address)
}

/** An address, and the IPv4 address that it stands for where it is a way to write or to reach one. */
export function meaningsOf(address: string): string[] {
  if (!isIPv6(address)) return [address]
  const inner = embeddedIpv4(groupsOf(address))
  return inner === null ? [address] : [address, inner]
}

/** IPv4-mapped and -compatible, NAT64, 6to4. */
function embeddedIpv4(groups: number[]): string | null {
  const [first = 0, second = 0, third = 0] = groups
  if (first === 0x2002) return dotted(second, third)
  const [high = 0, low = 0] = groups.slice(6)
  const prefix = groups.slice(0, 6)
  const isNat64 = first === 0x64 && second === 0xff9b && prefix.slice(2).every((group) => group === 0)
  const isZero = prefix.slice(0, 4).every((group) => group === 0)
  // `::` and `::1` are addresses of IPv6 itself.
  const isMapped = isZero && (prefix[4] === 0xffff || prefix[5] === 0xffff || (prefix[5] === 0 && high > 0))
  return isNat64 || isMapped ? dotted(high, low) : null
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const before = partOf(head)
  const after = partOf(tail ?? '')
  const gap = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<number>(gap).fill(0), ...after]
}

function partOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
