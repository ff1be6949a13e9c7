/** The way to the Glance that this cluster takes over from, where an operator has named one. */
import { readFile } from 'node:fs/promises'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { Backends } from '../backends/backends.ts'
import type { HashPool } from '../data/hash-pool.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { OldGlance } from '../images/old-glance.ts'
import { OutboundRules, plainHost } from '../outbound/outbound-rules.ts'

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }
/** Whoever named this host knows where it is. */
const ANY_ADDRESS = ['0.0.0.0/0', '::/0']
/** Requests of clients wait behind it. */
const LIMITS = { connectMs: 3_000, headMs: 10_000 }

/** null while none is named. Throws when its authorities cannot be read. */
export async function buildOldGlance(
  { moving, default: api }: SeracConfig,
  parts: { registers: ImageRegisters; index: ImageIndex; backends: Backends; hashes: HashPool; log: Log },
): Promise<OldGlance | null> {
  if (moving.fallThroughUrl === null) return null
  const { protocol, hostname, port, origin, pathname } = new URL(moving.fallThroughUrl)
  const rules = new OutboundRules({
    allowedSchemes: [protocol.slice(0, -1)],
    allowedHosts: [plainHost(hostname)],
    allowedPorts: [port === '' ? DEFAULT_PORTS[protocol]! : Number(port)],
    allowedAddresses: ANY_ADDRESS,
    disallowedSchemes: [],
    disallowedHosts: [],
    disallowedPorts: [],
    disallowedAddresses: [],
  })
  const ca = moving.fallThroughCafile === null ? null : await readFile(moving.fallThroughCafile, 'utf8')
  const { UndiciOutbound } = await import('../outbound/undici-outbound.ts')
  const outbound = new UndiciOutbound({ rules }, { ca, insecure: false, ...LIMITS })
  const url = origin + pathname.replace(/\/(v2\/?)?$/, '')
  return new OldGlance(
    { ...parts, outbound, clock },
    { url, sizeBytesMax: api.imageSizeCap, retries: api.httpRetries },
  )
}
