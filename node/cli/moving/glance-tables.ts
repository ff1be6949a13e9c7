/** Glance's tables, of which some may be large, and the images that they make together. */
import type { ImageLocation } from '../../images/image-record.ts'
import type { GlanceImage } from './glance-form.ts'

export type Row = Readonly<Record<string, string | number | null>>

/** Those that tell of images. */
export const GLANCE_TABLES = [
  'images',
  'image_properties',
  'image_members',
  'image_tags',
  'image_locations',
] as const
export type GlanceTable = (typeof GLANCE_TABLES)[number]

export type GlanceTables = Record<GlanceTable, Row[]>

export interface TableImage extends Omit<GlanceImage, 'hasBytes'> {
  id: string
}

const FLAGS = ['protected', 'os_hidden'] as const
const NUMBERS = ['min_disk', 'min_ram', 'size', 'virtual_size'] as const
/** Since Glance 14 (Ocata, 2017); a database that was upgraded has it. */
const NEWEST_COLUMN_NEEDED = 'visibility'

export function emptyTables(): GlanceTables {
  return { images: [], image_properties: [], image_members: [], image_tags: [], image_locations: [] }
}

/** What was not deleted. Throws an Error when these are no tables of a Glance that can be read. */
export function imagesIn(tables: GlanceTables): TableImage[] {
  const [first] = tables.images
  if (first && !Object.hasOwn(first, NEWEST_COLUMN_NEEDED))
    throw new Error(
      `The table images has no column ${NEWEST_COLUMN_NEEDED}: upgrade that Glance's database first.`,
    )
  const properties = byImage(tables.image_properties)
  const members = byImage(tables.image_members)
  const tags = byImage(tables.image_tags)
  const locations = byImage(tables.image_locations)
  return tables.images.filter(isThere).map((row) => {
    const id = String(row['id'])
    return {
      id,
      fields: fieldsOf(row),
      properties: Object.fromEntries(
        (properties.get(id) ?? []).map(({ name, value }) => [String(name), value]),
      ),
      tags: (tags.get(id) ?? []).map(({ value }) => value),
      members: (members.get(id) ?? []).map(({ member, status, created_at, updated_at }) => ({
        member,
        status: status ?? 'pending',
        created_at,
        updated_at,
      })),
      locations: (locations.get(id) ?? []).map(locationOf),
    }
  })
}

/** Dumps have text where the tables have numbers and flags. */
function fieldsOf(row: Row): Record<string, unknown> {
  const fields: Record<string, unknown> = { ...row }
  for (const name of FLAGS) fields[name] = Number(row[name] ?? 0) !== 0
  for (const name of NUMBERS)
    fields[name] = row[name] === null || row[name] === undefined ? null : Number(row[name])
  return fields
}

function locationOf({ value, meta_data: metadata }: Row): ImageLocation {
  let parsed: unknown = {}
  try {
    parsed = JSON.parse(String(metadata ?? '{}'))
  } catch {
    // Of releases that wrote it otherwise: it says nothing of the bytes.
  }
  return { url: String(value), metadata: typeof parsed === 'object' && parsed !== null ? { ...parsed } : {} }
}

function byImage(rows: readonly Row[]): Map<string, Row[]> {
  const grouped = new Map<string, Row[]>()
  for (const row of rows) {
    if (!isThere(row)) continue
    const id = String(row['image_id'])
    const known = grouped.get(id)
    if (known) known.push(row)
    else grouped.set(id, [row])
  }
  return grouped
}

/** Rows of what was deleted stay in the tables; so do locations that wait for it. */
function isThere({ deleted, status }: Row): boolean {
  return Number(deleted ?? 0) === 0 && status !== 'pending_delete'
}
