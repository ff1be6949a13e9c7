/** Where the image service of a region is, in a catalogue of Keystone: of its API v3, or of v2 as the middleware hands it on. */
type Entry = Readonly<Record<string, unknown>>

/** null when the catalogue names none. Regions are told apart as in Glance, whatever their case. */
export function imageEndpoint(catalog: unknown, region: string, serviceInterface: string): string | null {
  const services = entriesOf(catalog).filter(({ type }) => type === 'image')
  for (const endpoint of services.flatMap(({ endpoints }) => entriesOf(endpoints))) {
    const isThere = [endpoint['region'], endpoint['region_id']].some(
      (name) => typeof name === 'string' && name.toLowerCase() === region.toLowerCase(),
    )
    const url =
      endpoint['interface'] === serviceInterface ? endpoint['url'] : endpoint[`${serviceInterface}URL`]
    if (isThere && typeof url === 'string') return url
  }
  return null
}

function entriesOf(value: unknown): Entry[] {
  if (!Array.isArray(value)) return []
  return value.filter((entry): entry is Entry => typeof entry === 'object' && entry !== null)
}
