/** `host:port` texts, as operators write them, and the multiaddrs that libp2p wants. */
import { isIPv4, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { NodeId } from './rpc-port.ts'

export interface HostPort {
  /** An IPv4 or IPv6 address (without brackets) or a name. */
  host: string
  port: number
}

const PORT_MAX = 65535
/** RFC 1123 names; also keeps `/` out of the multiaddr. */
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/

/** Reads `10.0.0.1:9293`, `[fd00::1]:9293` or `controller-1:9293`. Throws on anything else. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3] ?? NaN)
  const hostIsValid = match?.[1] === undefined ? isIPv4(host) || HOST_NAME.test(host) : isIPv6(host)
  if (!hostIsValid || !(port <= PORT_MAX)) throw new Error(`not an address of the form host:port: ${text}`)
  return { host, port }
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** The TCP multiaddr of `host:port`; with `peer`, dialling it insists on that peer's key. */
export function toMultiaddr(text: string, peer?: NodeId): Multiaddr {
  const { host, port } = parseHostPort(text)
  const family = isIPv4(host) ? 'ip4' : isIPv6(host) ? 'ip6' : 'dns'
  return multiaddr(`/${family}/${host}/tcp/${port}${peer === undefined ? '' : `/p2p/${peer}`}`)
}
