/**
 * What the image service asks of a policy, and what it passes on into a register. A policy belongs to the node that took
 * the request: its file may differ from that of the node that decides the operation, so no operation asks one. It is asked
 * about the record as it was read; what its answer rests on travels with the operation, which is refused (BASIS_CHANGED)
 * when that has changed since, and then the policy is asked again. So no race grants more than the policy does.
 */
import type { ImageRecord } from './image-record.ts'
import type { Caller } from './image-requests.ts'
import { isOwner, type CallerRights } from './visibility.ts'

/** The rules of Glance that one image, or the image to be, is asked about. */
export type ImageRule =
  | 'add_image'
  | 'get_image'
  | 'get_images'
  | 'modify_image'
  | 'delete_image'
  | 'upload_image'
  | 'download_image'
  | 'download_from_store'
  | 'publicize_image'
  | 'communitize_image'
  | 'deactivate'
  | 'reactivate'
  | 'copy_from'
  | 'copy_image'
  | 'get_image_location'
  | 'set_image_location'
  | 'delete_image_location'
  | 'add_image_location'
  | 'fetch_image_location'
  | 'add_member'
  | 'delete_member'
  | 'get_member'
  | 'get_members'
  | 'modify_member'
  | 'manage_image_cache'
  | 'cache_image'
  | 'cache_list'
  | 'cache_delete'
  | 'cache_clean'
  | 'cache_prune'
  | 'list_cached_nodes'

/** What is done to a custom property. */
export const PROPERTY_ACTIONS = ['create', 'read', 'update', 'delete'] as const
export type PropertyAction = (typeof PROPERTY_ACTIONS)[number]

/** An attribute of what is asked about, as text; null when it has no such attribute. */
export type PolicyTarget = (attribute: string) => string | null

export interface ImagePolicy {
  allows(rule: ImageRule, caller: Caller, target: PolicyTarget): boolean
  /** Whether any custom property is closed to anybody. */
  readonly protectsProperties: boolean
  /** The same for every image. */
  allowsProperty(action: PropertyAction, name: string, caller: Caller): boolean
}

/** Attributes of an image, with the values that a policy saw. */
export type Basis = Record<string, string | null>

/** What was allowed to a caller: goes into the operation on the image. */
export interface Grant {
  caller: CallerRights
  basis: Basis
}

/** Attributes of Glance's image that rules may name; all other names are custom properties. */
const ATTRIBUTES: Readonly<Record<string, (image: ImageRecord) => string | number | boolean | null>> = {
  id: ({ id }) => id,
  image_id: ({ id }) => id,
  name: ({ name }) => name,
  status: ({ status }) => status,
  visibility: ({ visibility }) => visibility,
  protected: (image) => image.protected,
  os_hidden: ({ hidden }) => hidden,
  owner: ({ owner }) => owner,
  project_id: ({ owner }) => owner,
  container_format: ({ containerFormat }) => containerFormat,
  disk_format: ({ diskFormat }) => diskFormat,
  min_disk: ({ minDisk }) => minDisk,
  min_ram: ({ minRam }) => minRam,
  size: ({ size }) => size,
  virtual_size: ({ virtualSize }) => virtualSize,
  checksum: ({ checksum }) => checksum,
  os_hash_algo: ({ hashAlgo }) => hashAlgo,
  os_hash_value: ({ hashValue }) => hashValue,
  created_at: ({ createdAt }) => createdAt,
  updated_at: ({ updatedAt }) => updatedAt,
}
/** The caller's project where the image is shared with it. */
const MEMBER_ATTRIBUTE = 'member_id'

/** A record as rules see it. Pure: the nodes must agree on what has changed. */
export function recordTarget(image: ImageRecord, projectId: string | null): PolicyTarget {
  return (attribute) => {
    if (attribute === MEMBER_ATTRIBUTE) return asText(memberId(image, projectId))
    if (Object.hasOwn(ATTRIBUTES, attribute)) return asText(ATTRIBUTES[attribute]!(image))
    return Object.hasOwn(image.properties, attribute) ? asText(image.properties[attribute] ?? null) : null
  }
}

function memberId(image: ImageRecord, projectId: string | null): string | null {
  if (image.visibility !== 'shared' || isOwner({ projectId }, image)) return null
  return image.members.some((member) => member.memberId === projectId) ? projectId : null
}

/** As Python writes it: rules compare with that. */
export function asText(value: string | number | boolean | null): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return String(value)
}

/** `target`, and everything that is asked of it from now on. */
export function watched(target: PolicyTarget): { target: PolicyTarget; basis: Basis } {
  const basis: Basis = {}
  return { basis, target: (attribute) => (basis[attribute] = target(attribute)) }
}

/** Whether the record still is what the grant rests on. */
export function stillRests({ caller, basis }: Grant, record: ImageRecord): boolean {
  const target = recordTarget(record, caller.projectId)
  return Object.entries(basis).every(([attribute, value]) => target(attribute) === value)
}
