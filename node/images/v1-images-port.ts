/**
 * What API v1 does with images beside what all versions do. Glance kept its metadata for v1 in a registry, a service of its own
 * behind the API; here the registers play its part, and both versions see the same images. All of it may throw ImageError.
 */
import type { ImageMember, ImageRecord } from './image-record.ts'
import type { Answer, Caller, ImageBytes, ImageDraft, ImagePage, ImageQuery } from './image-requests.ts'
import type { Announced } from './put-operation.ts'
import type { WantedMember } from './sharing-operations.ts'

/** Fields as headers say them; what is absent is not said. */
export interface V1Fields {
  name?: string | null
  diskFormat?: string | null
  containerFormat?: string | null
  minDisk?: number
  minRam?: number
  protected?: boolean
  isPublic?: boolean
  /** Heeded of administrators alone. */
  owner?: string | null
}

export interface V1Meta {
  fields: V1Fields
  announced: Announced
  properties: Record<string, string | null>
}

/** Where the bytes come from. */
export type V1Source =
  | {
      kind: 'body'
      bytes: AsyncIterable<Uint8Array>
      /** null: unknown. */
      lengthBytes: number | null
    }
  /** They stay there. */
  | { kind: 'location'; url: string }
  /** They are fetched behind the answer. */
  | { kind: 'copy'; url: string }

export interface V1Create extends V1Meta {
  id: ImageDraft['id'] | null
  source: V1Source | null
}

export interface V1Update extends V1Meta {
  /** What the caller believes these to be: they never change. */
  fixed: { id?: string; status?: string }
  /** Whether properties that are not named go. */
  purgesProperties: boolean
  source: V1Source | null
}

export interface V1Query {
  query: ImageQuery
  /** As it would be listed to somebody who is no administrator. */
  asUser: boolean
  /** Deleted and killed images are listed, too. */
  withDeleted: boolean
}

export interface V1ImagesPort {
  /** With a body it resolves when the image is active; FORBIDDEN, INVALID, CONFLICT, TOO_LARGE, GONE. */
  create(caller: Caller, request: V1Create): Promise<ImageRecord>
  update(caller: Caller, id: string, request: V1Update): Promise<ImageRecord>
  /** To administrators also what is deleted. */
  show(caller: Caller, id: string): Promise<Answer<ImageRecord>>
  list(caller: Caller, query: V1Query): Promise<Answer<ImagePage>>
  /** NOT_FOUND unless active; FORBIDDEN when deactivated. */
  openData(caller: Caller, id: string): Promise<Answer<ImageBytes>>
  remove(caller: Caller, id: string): Promise<void>
  members(caller: Caller, id: string): Promise<Answer<ImageMember[]>>
  /** NOT_FOUND for whoever may not share the image. `isWhole`: all others are members no more. */
  putMembers(caller: Caller, id: string, members: WantedMember[], isWhole: boolean): Promise<void>
  dropMember(caller: Caller, id: string, memberId: string): Promise<void>
  /** The images that have this project as a member, as far as the caller may know. */
  sharedWith(caller: Caller, memberId: string): Promise<ImageRecord[]>
}
