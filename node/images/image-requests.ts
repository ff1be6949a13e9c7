/** What callers hand to the image service: who they are and what they ask for. The façade parses into these shapes. */
import type { OpenImage } from '../data/open-image.ts'
import type { ImageLocation, ImageRecord, Visibility } from './image-record.ts'
import type { LocationChange, ValidationData } from './location-rules.ts'

/**
 * The identity behind one request, as authentication and policy see it. What does not apply is null: a token has one scope
 * at most, and `noauth` knows nobody. Roles are lower-case.
 */
export interface Caller {
  userId: string | null
  userDomainId: string | null
  projectId: string | null
  /** Of the project, when there is one. */
  projectDomainId: string | null
  /** Scope of the token when that is a domain. */
  domainId: string | null
  /** Scope of the token when that is the whole cloud. */
  systemScope: 'all' | null
  roles: readonly string[]
  /** Whether the project is the administrators' own; true where Keystone does not tell, as it does for every project then. */
  isAdminProject: boolean
  isAdmin: boolean
  /** Roles of the service that asks on the user's behalf; empty when the user asks. */
  serviceRoles: readonly string[]
  /** `req-<uuid>`, for logs. */
  requestId: string
}

/** What a create may set; absent fields take their defaults. */
export interface ImageDraft {
  id?: string
  name?: string | null
  visibility?: Visibility
  protected?: boolean
  hidden?: boolean
  owner?: string | null
  containerFormat?: string | null
  diskFormat?: string | null
  minDisk?: number
  minRam?: number
  tags?: string[]
  properties?: Record<string, string | null>
}

/** Record fields that users set and filters name; the wire names (snake case) are the façade's business. */
export type UserField =
  | 'name'
  | 'visibility'
  | 'protected'
  | 'hidden'
  | 'owner'
  | 'containerFormat'
  | 'diskFormat'
  | 'minDisk'
  | 'minRam'
  | 'tags'

/**
 * One step of a PATCH, checked for form and type by the façade, decided inside the register. `present` says how `add`
 * treats a property that is there already: the v2.1 dialect overwrites, the v2.0 dialect answers 409.
 */
export type ImageChange =
  | LocationChange
  | {
      kind: 'set'
      field: UserField
      value: string | number | boolean | string[] | null
      /** `conflict`: an `add` of the v2.0 dialect, which fails, for fields are always there. */
      ifPresent?: 'overwrite' | 'conflict'
    }
  | {
      kind: 'property'
      op: 'add' | 'replace' | 'remove'
      name: string
      value?: string | null
      ifPresent: 'overwrite' | 'conflict'
    }

/** The body of a request that adds a location to a queued image. */
export interface LocationRequest {
  url: string
  validation: ValidationData | null
}

/** Where the bytes are, as far as one caller may know; null: nobody is shown it here. */
export interface ShownLocations {
  locations: readonly ImageLocation[] | null
  directUrl: string | null
}

export type SortKey =
  'name' | 'status' | 'containerFormat' | 'diskFormat' | 'size' | 'id' | 'createdAt' | 'updatedAt'

export type FilterField = Exclude<
  keyof ImageRecord,
  | 'members'
  | 'data'
  | 'upload'
  | 'tags'
  | 'properties'
  | 'deletedAt'
  | 'deletedFrom'
  | 'locations'
  | 'hashing'
  | 'arriving'
  | 'staged'
  | 'discarded'
>

/** All filters of a query must hold. */
export type ImageFilter =
  | {
      field: FilterField
      op: 'in' | 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte'
      /** One value, except for `in`. Numbers for numeric fields, booleans for flags, ISO text for times. */
      values: (string | number | boolean | null)[]
    }
  | { tag: string }
  | { property: string; value: string }

export interface ImageQuery {
  /** Page size, 0..api_limit_max. */
  limit: number
  /** Id of the last image of the page before. */
  marker: string | null
  /** Most significant first; the service appends createdAt and id as tie-breakers. */
  sort: { key: SortKey; direction: 'asc' | 'desc' }[]
  filters: ImageFilter[]
  /** null = not asked (foreign community images are left out); 'all' = no condition. */
  visibility: Visibility | 'all' | null
  memberStatus: 'accepted' | 'pending' | 'rejected' | 'all'
}

/** `stale` marks what was answered from this node alone while no majority was reachable (rule R6). */
export interface Answer<T> {
  value: T
  stale: boolean
}

export interface ImagePage {
  images: ImageRecord[]
  /** True when the page is full, so that a next page may exist. */
  more: boolean
}

export type { ByteLease, OpenImage } from '../data/open-image.ts'

/** The readable data of one image, with its record. */
export interface ImageBytes extends OpenImage {
  record: ImageRecord
}
