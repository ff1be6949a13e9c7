/** Makes the one way out of the cluster, where the operator allows any. */
import { readFile } from 'node:fs/promises'
import type { SeracConfig } from '../config/options.ts'
import { OutboundError, type OutboundHttp } from '../outbound/outbound-http.ts'
import { OutboundRules } from '../outbound/outbound-rules.ts'

/** Throws when the authorities cannot be read. */
export async function openOutbound(config: SeracConfig): Promise<OutboundHttp> {
  const { stores, httpsCaCertificatesFile, httpsInsecure } = config.glanceStore
  const methods = config.default.enabledImportMethods
  const isWanted =
    stores.includes('http') || methods.includes('web-download') || methods.includes('glance-download')
  if (!isWanted) return closed
  const ca = httpsCaCertificatesFile === null ? null : await readFile(httpsCaCertificatesFile, 'utf8')
  const rules = new OutboundRules(config.importFilteringOpts)
  // Loaded when it is first needed: it takes a tenth of a start.
  const opened = async () => {
    const { UndiciOutbound } = await import('../outbound/undici-outbound.ts')
    return new UndiciOutbound({ rules }, { ca, insecure: httpsInsecure })
  }
  let outbound: ReturnType<typeof opened> | null = null
  return {
    check: (url) => void rules.checkUrl(url),
    send: async (request) => (await (outbound ??= opened())).send(request),
  }
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
