/** Makes the one way out of the cluster, where the operator allows any. */
import { readFile } from 'node:fs/promises'
import type { SeracConfig } from '../config/options.ts'
import { OutboundError, type OutboundHttp } from '../outbound/outbound-http.ts'
import { OutboundRules } from '../outbound/outbound-rules.ts'

/** Throws when the authorities cannot be read. */
export async function openOutbound(config: SeracConfig): Promise<OutboundHttp> {
  const { stores, httpsCaCertificatesFile, httpsInsecure } = config.glanceStore
  if (!stores.includes('http')) return { send: () => Promise.reject(nothingAllowed()) }
  const ca = httpsCaCertificatesFile === null ? null : await readFile(httpsCaCertificatesFile, 'utf8')
  const { UndiciOutbound } = await import('../outbound/undici-outbound.ts')
  const rules = new OutboundRules(config.importFilteringOpts)
  return new UndiciOutbound({ rules }, { ca, insecure: httpsInsecure })
}

function nothingAllowed(): OutboundError {
  return new OutboundError('OUTBOUND_REFUSED', 'No store is enabled from which anything is fetched.')
}
