/** The definitions that come with Glance, from Debian's package. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export const STOCK_DIRECTORY = '/usr/share/glance-common/metadefs'

type Json = Record<string, unknown>

export interface StockFile {
  file: string
  /** As the API shows it, without what the service adds. */
  content: Json & { namespace: string }
}

export async function stockFiles(): Promise<StockFile[]> {
  const names = (await readdir(STOCK_DIRECTORY)).filter((name) => name.endsWith('.json')).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const file = join(STOCK_DIRECTORY, name)
      return { file, content: asShown(JSON.parse(await readFile(file, 'utf8')) as StockFile['content']) }
    }),
  )
}

/** With the defaults, without what is empty, and with texts for defaults of properties. */
function asShown({ properties, objects, ...rest }: StockFile['content']): StockFile['content'] {
  const shownObjects = ((objects ?? []) as Json[]).map((object) => ({
    required: [],
    ...object,
    properties: definitions(object['properties']),
  }))
  const shown = { visibility: 'private', protected: false, owner: 'admin', ...rest }
  const inside = { properties: definitions(properties), objects: shownObjects }
  const all = { ...shown, ...inside } as StockFile['content']
  const filled = Object.entries(all).filter(
    ([, value]) => typeof value !== 'object' || Object.keys(value as object).length > 0,
  )
  return Object.fromEntries(filled) as StockFile['content']
}

function definitions(properties: unknown): Json {
  return Object.fromEntries(
    Object.entries((properties ?? {}) as Record<string, Json>).map(([name, definition]) => [
      name,
      'default' in definition ? { ...definition, default: String(definition['default']) } : definition,
    ]),
  )
}
