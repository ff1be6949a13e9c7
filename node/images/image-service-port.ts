/** The image service as the façade sees it: the only door to images. All of it may throw ImageError. */
import type {
  Answer,
  Caller,
  ImageBytes,
  ImageChange,
  ImageDraft,
  ImagePage,
  ImageQuery,
  LocationRequest,
  ShownLocations,
} from './image-requests.ts'
import type { ImageRule } from './image-policy.ts'
import type { ImageLocation, ImageMember, ImageRecord } from './image-record.ts'
import type { UploadTerms } from './image-uploader.ts'
import type { LimitsUsage } from './project-quotas.ts'

/** What is known of an image's bytes when it is made. */
export type KnownBytes = Partial<Pick<ImageRecord, 'status' | 'size' | 'checksum' | 'locations'>>

/** What V1 asks for beside a draft, where it makes an image and fills it at once. */
export interface CreateTerms {
  /** Asked of the policy about the image to be, beside those of every create. */
  rules: readonly ImageRule[]
  /** Called when all is allowed. */
  bytes: (image: ImageRecord) => Promise<KnownBytes>
}

export interface ImageServicePort {
  /** CONFLICT when the id is taken, also by a deleted image; FORBIDDEN; TOO_LARGE for quotas. */
  create(caller: Caller, draft: ImageDraft, terms?: CreateTerms): Promise<ImageRecord>
  show(caller: Caller, id: string): Promise<Answer<ImageRecord>>
  /** INVALID for an unknown marker. */
  list(caller: Caller, query: ImageQuery): Promise<Answer<ImagePage>>
  /** All changes or none. */
  patch(caller: Caller, id: string, changes: ImageChange[]): Promise<ImageRecord>
  remove(caller: Caller, id: string): Promise<void>
  /**
   * Stores the body as the image's data; resolves when it is durable and the image active. On any failure the image is
   * back to `queued`, or what `terms` say, and nothing stays referenced. CONFLICT unless queued; GONE when it was deleted under way; INVALID when
   * formats are unset or `declaredSizeBytes` differs from what came; TOO_LARGE.
   */
  upload(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
    terms?: UploadTerms,
  ): Promise<void>
  /** `preferred`: ids of stores from which the bytes come if they are there. null value: the image has no data (204). FORBIDDEN when deactivated; UNAVAILABLE when its bytes cannot be reached. */
  openData(caller: Caller, id: string, preferred?: readonly string[]): Promise<Answer<ImageBytes | null>>
  /** What the caller may know of them. FORBIDDEN unless the image is shared. */
  members(caller: Caller, id: string): Promise<Answer<ImageMember[]>>
  /** NOT_FOUND also where there are no members, or none that the caller may know of. */
  member(caller: Caller, id: string, memberId: string): Promise<Answer<ImageMember>>
  /** CONFLICT when it is one already; TOO_LARGE for the quota. */
  addMember(caller: Caller, id: string, memberId: string): Promise<ImageMember>
  /** INVALID for an unknown status, from whoever may answer. */
  answerMember(caller: Caller, id: string, memberId: string, status: string): Promise<ImageMember>
  removeMember(caller: Caller, id: string, memberId: string): Promise<void>
  addTag(caller: Caller, id: string, tag: string): Promise<void>
  removeTag(caller: Caller, id: string, tag: string): Promise<void>
  /** What the caller may be shown of an image that it sees. */
  shownLocations(caller: Caller, image: ImageRecord): ShownLocations
  /** All of them, for services. */
  locations(caller: Caller, id: string): Promise<readonly ImageLocation[]>
  /** INVALID for what cannot be fetched; CONFLICT unless queued. The image may be active only later, or queued again. */
  addLocation(caller: Caller, id: string, request: LocationRequest): Promise<void>
  /** FORBIDDEN unless active or deactivated. */
  deactivate(caller: Caller, id: string): Promise<void>
  reactivate(caller: Caller, id: string): Promise<void>
  /** Of the caller's project, each limit that Keystone holds. */
  usage(caller: Caller): Promise<LimitsUsage>
}
