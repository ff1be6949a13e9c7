/** Where Keystone itself is, in Keystone's own catalogue. */
import { objectOf } from './token-facts.ts'

export interface EndpointChoice {
  interface: 'public' | 'internal' | 'admin'
  /** null = whichever comes first. */
  region: string | null
}

/** The URL of the v3 API behind a configured or catalogued one: those may end in /v3, in another version, or in neither. */
export function v3Url(url: string): string {
  return `${url.replace(/\/+$/, '').replace(/\/v\d+(\.\d+)?$/, '')}/v3`
}

/** The v3 URL of the identity endpoint that is wanted; null when the catalogue names none. Throws an Error for nonsense. */
export function identityEndpoint(catalog: unknown, choice: EndpointChoice): string | null {
  for (const service of listOf(catalog)) {
    if (service['type'] !== 'identity') continue
    const wanted = listOf(service['endpoints']).find((endpoint) => isWanted(endpoint, choice))
    const url = wanted?.['url']
    if (typeof url === 'string' && /^https?:/.test(url) && URL.canParse(url)) return v3Url(url)
  }
  return null
}

function isWanted(endpoint: Readonly<Record<string, unknown>>, choice: EndpointChoice): boolean {
  if (endpoint['interface'] !== choice.interface) return false
  // Older Keystones name the region only under the first.
  return choice.region === null || [endpoint['region'], endpoint['region_id']].includes(choice.region)
}

function listOf(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(objectOf) : []
}
