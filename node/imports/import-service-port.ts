/** What the façade asks of stages and imports. All of it may throw ImageError. */
import type { Caller } from '../images/image-requests.ts'
import type { TaskRecord } from '../tasks/task-record.ts'
import type { ImportRequest } from './import-requests.ts'
import type { LegacyImport } from './legacy-import.ts'

export interface ImportServicePort {
  /** Those that are offered. */
  readonly methods: readonly string[]
  /**
   * Stores the body as bytes that wait for their import. Resolves when they are durable and the image is `uploading`; on any
   * failure it is `queued` again. NOT_FOUND when nothing may be staged; CONFLICT unless queued; INVALID when
   * `declaredSizeBytes` differs from what came; TOO_LARGE.
   */
  stage(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
  ): Promise<void>
  /**
   * Resolves when the import is a task that is under way, or when there is nothing to import. INVALID for what is not
   * offered or may not be fetched; CONFLICT for an image in another state, and for an unknown store; TOO_LARGE.
   */
  import(caller: Caller, id: string, request: ImportRequest): Promise<void>
  /** Makes an image and fills it from a URL; both are the task's, which goes on. INVALID for the URL; TOO_LARGE. */
  importAsTask(caller: Caller, request: LegacyImport): Promise<TaskRecord>
  /** Takes the bytes of an image out of one store. FORBIDDEN for the only one, CONFLICT for one that does not exist. */
  removeFromStore(caller: Caller, id: string, store: string): Promise<void>
}
