/** Makes the one way out of the cluster, where the operator allows any. */
import { readFile } from 'node:fs/promises'
import type { SeracConfig } from '../config/options.ts'
import { OutboundError, type OutboundHttp } from '../outbound/outbound-http.ts'
import { OutboundRules } from '../outbound/outbound-rules.ts'

/** Throws when the authorities cannot be read. */
export async function openOutbound(config: SeracConfig): Promise<OutboundHttp> {
  const { stores, httpsCaCertificatesFile, httpsInsecure } = config.glanceStore
  const isWanted = stores.includes('http') || config.default.enabledImportMethods.includes('web-download')
  if (!isWanted) return closed
  const ca = httpsCaCertificatesFile === null ? null : await readFile(httpsCaCertificatesFile, 'utf8')
  const { UndiciOutbound } = await import('../outbound/undici-outbound.ts')
  const rules = new OutboundRules(config.importFilteringOpts)
  return new UndiciOutbound({ rules }, { ca, insecure: httpsInsecure })
}

const nothingAllowed = () =>
  new OutboundError(
    'OUTBOUND_REFUSED',
    'No store and no way to import is enabled for which anything is fetched.',
  )

const closed: OutboundHttp = {
  check: () => {
    throw nothingAllowed()
  },
  send: () => Promise.reject(nothingAllowed()),
}
