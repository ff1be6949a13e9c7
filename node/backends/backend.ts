/**
 * The port of a back end: a place outside of the cluster in which whole images lie as objects, each under a name of its own
 * that is used once. Files, S3, Swift, Ceph and vSphere are behind it; what is configured is Backends (backends.ts).
 */
import { SeracError } from '../../cluster/errors.ts'

export type BackendErrorCode =
  /** The back end answers, and has no such object. */
  | 'BACKEND_NOT_FOUND'
  /** It does not let this node do that: credentials, permissions, a bucket that is not there. */
  | 'BACKEND_REFUSED'
  /** There is no room left in it. */
  | 'BACKEND_FULL'
  /** It keeps an object for now, because something there stands on it: a clone of it, or somebody who has it open. */
  | 'BACKEND_IN_USE'
  /** It does not answer, answers that it cannot, or breaks off. */
  | 'BACKEND_UNAVAILABLE'

/** The message is for users: it names the store and no credentials. */
export class BackendError extends SeracError {
  declare readonly code: BackendErrorCode

  // oxlint-disable-next-line no-useless-constructor -- narrows the code's type
  constructor(
    code: BackendErrorCode,
    message: string,
    fields: Record<string, unknown> = {},
    cause?: unknown,
  ) {
    super(code, message, fields, cause)
    this.name = 'BackendError'
  }
}

export interface PutRequest {
  /** What will come, where that is known; the sizes of parts follow from it. Others see to it that it comes. */
  sizeBytes: number | null
  signal: AbortSignal
}

/** Inclusive. */
export interface ObjectRange {
  start: number
  end: number
}

/** All of it may throw BackendError, or the signal's reason. Names are those that `isObjectName` takes. */
export interface Backend {
  /** What `/v2/info/stores/detail` tells of it: no credentials. */
  readonly properties: Readonly<Record<string, unknown>>
  /** What callers are shown as the location of an object: no credentials. */
  urlOf(name: string): string
  /** The name in such a location, wherever the back end was when it was written. */
  nameOf(url: string): string
  /**
   * Resolves with the count of bytes when the object is there, whole and durable as far as the back end promises that. Memory
   * is bounded, and `body` is read no faster than it leaves. After a failure there is no object; what is left of its
   * parts when even that cannot be said goes with `delete`.
   */
  put(name: string, body: AsyncIterable<Uint8Array>, request: PutRequest): Promise<number>
  /** Ends early when the object is shorter. Whoever stops early calls `return()`, as `for await` does. */
  open(name: string, range: ObjectRange, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Resolves when nothing of the object is there any more, also where nothing was. Throws BACKEND_IN_USE as well. */
  delete(name: string, signal: AbortSignal): Promise<void>
  /** Whether `delete` would throw BACKEND_IN_USE. Absent: it never does. */
  isInUse?(name: string, signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

/** One of bytes that pass by, for drivers that must tell or compare it. */
export interface ByteDigest {
  /** Resolves when the bytes may change again. */
  add(bytes: Uint8Array): Promise<void>
  /** Hex. */
  finish(): Promise<string>
  /** Finished or not; whoever has it owes it once. */
  close(): Promise<void>
}

/** Of ours and of Glance: nothing that any path, URL or listing takes for something else. */
export function isObjectName(name: string): boolean {
  return /^\w[\w.-]{0,199}$/.test(name)
}

/** Of a location that ends with the name. */
export function lastPartOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}
