/** A location is imported behind the answer to its caller: a task tells of it (glance-api.md §6.4). */
import type { Caller, LocationRequest } from './image-requests.ts'

export interface LocationTasks {
  /** A task of this node's. Throws TOO_LARGE for a caller with too many, and as registers do. */
  create(caller: Caller, imageId: string, request: LocationRequest): Promise<LocationTask>
}

/** None of it rejects: what cannot be told now the task reaper finds out. */
export interface LocationTask {
  /** The reapers know the work by it; the computation of the digests bears it as its id. */
  readonly claim: string
  /** Nothing was begun, and nobody was told of it. */
  discard(): Promise<void>
  begin(): Promise<void>
  /** `failure`: why the image does not have its location; null when it has. The signal ends further tries. */
  end(failure: string | null, signal: AbortSignal): Promise<void>
}
