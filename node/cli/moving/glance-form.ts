/** What Glance says of an image, in its API or its database, in the form in which images are moved. */
import { ImageError } from '../../errors.ts'
import type { ImageLocation } from '../../images/image-record.ts'
import type { MovedImage, MovedStatus } from '../../images/moved-image.ts'
import { parseMovedImage } from '../../images/moved-image-form.ts'
import type { LeftOut } from './image-source.ts'

/** Everything by the names that Glance's API and its tables have in common. */
export interface GlanceImage {
  fields: Readonly<Record<string, unknown>>
  properties: Readonly<Record<string, unknown>>
  tags: readonly unknown[]
  members: readonly GlanceMember[]
  locations: readonly ImageLocation[]
  hasBytes: boolean
}

export interface GlanceMember {
  member: unknown
  status: unknown
  created_at: unknown
  updated_at: unknown
}

/** What Glance keeps for itself among the properties: of imports under way, and of its own stores. */
const INTERNAL_PROPERTY = /^os_glance/
/** Other schemes lead to stores that only that Glance knows. */
const OUTSIDE_URL = /^https?:\/\//i
/** Why images with other states stay where they are. */
const UNFINISHED: Readonly<Record<string, string>> = {
  saving: 'is being uploaded; import it when that is over',
  uploading: 'is being uploaded; import it when that is over',
  importing: 'is being imported there; import it when that is over',
  killed: 'has failed; it has no data',
  pending_delete: 'is deleted',
  deleted: 'is deleted',
}
const FRACTION_AND_ZONE = /(\.\d+)?Z?$/

/** The image as it is moved; or why it cannot be. */
export function movedGlanceImage(glance: GlanceImage): MovedImage | LeftOut {
  const { fields } = glance
  const id = String(fields['id'])
  const name = typeof fields['name'] === 'string' ? fields['name'] : null
  const why = UNFINISHED[String(fields['status'])]
  if (why !== undefined) return { id, name, why, isLoss: why.endsWith('when that is over') }
  try {
    return parseMovedImage(formOf(glance))
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    return { id, name, why: error.message, isLoss: true }
  }
}

export function outsideLocations(locations: readonly ImageLocation[]): ImageLocation[] {
  return locations.filter(({ url }) => OUTSIDE_URL.test(url))
}

function formOf({ fields, properties, tags, members, locations, hasBytes }: GlanceImage) {
  const status = fields['status'] as MovedStatus
  const own = Object.entries(properties).filter(([name]) => !INTERNAL_PROPERTY.test(name))
  return {
    id: fields['id'],
    name: fields['name'] ?? null,
    status,
    visibility: fields['visibility'],
    protected: fields['protected'],
    hidden: fields['os_hidden'] ?? false,
    owner: fields['owner'] || null,
    containerFormat: fields['container_format'] ?? null,
    diskFormat: fields['disk_format'] ?? null,
    minDisk: fields['min_disk'] ?? 0,
    minRam: fields['min_ram'] ?? 0,
    size: fields['size'] ?? null,
    virtualSize: fields['virtual_size'] ?? null,
    checksum: fields['checksum'] ?? null,
    hashAlgo: fields['os_hash_value'] ? fields['os_hash_algo'] : null,
    hashValue: fields['os_hash_value'] ?? null,
    createdAt: timeOf(fields['created_at']),
    updatedAt: timeOf(fields['updated_at'] ?? fields['created_at']),
    tags: [...tags],
    properties: Object.fromEntries(own),
    members: members.map((member) => ({
      memberId: member.member,
      status: member.status,
      createdAt: timeOf(member.created_at),
      updatedAt: timeOf(member.updated_at ?? member.created_at),
    })),
    hasBytes: hasBytes && status !== 'queued',
    locations: outsideLocations(locations),
  }
}

/** Databases have a blank between date and time, and maybe fractions; all of it is UTC. */
function timeOf(value: unknown): unknown {
  return typeof value === 'string' ? `${value.replace(' ', 'T').replace(FRACTION_AND_ZONE, '')}Z` : value
}
