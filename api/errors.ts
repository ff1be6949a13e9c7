/** The one table from error code to HTTP status, and what of an error a caller may read. */
import { STATUS_CODES } from 'node:http'
import type { ClusterErrorCode } from '../cluster/errors.ts'
import { SeracError } from '../cluster/errors.ts'
import type { ImageErrorCode } from '../node/errors.ts'

/** Matters of HTTP itself, which the image service never meets. */
export type HttpErrorCode =
  /** The path exists, the method does not. */
  | 'METHOD_NOT_ALLOWED'
  /** The body did not come in time. */
  | 'REQUEST_TIMEOUT'
  /** A JSON body over its cap. */
  | 'BODY_TOO_LARGE'
  /** The image of a v1 upload was deleted meanwhile. */
  | 'PRECONDITION_FAILED'
  /** A PATCH in no known dialect. */
  | 'UNSUPPORTED_PATCH'
  /** The request line is over its cap. */
  | 'URI_TOO_LONG'
  /** A header value is over its cap. */
  | 'HEADER_TOO_LONG'
  /** No token, or one that Keystone does not vouch for. */
  | 'TOKEN_REFUSED'

/** Thrown by the façade for matters of HTTP; `headers` go into the answer, `json` is its body whatever the client accepts. */
export class HttpError extends SeracError {
  declare readonly code: HttpErrorCode
  readonly headers: Readonly<Record<string, string>>
  readonly json: object | null

  constructor(
    code: HttpErrorCode,
    message: string,
    headers: Record<string, string> = {},
    json: object | null = null,
  ) {
    super(code, message)
    this.name = 'HttpError'
    this.headers = headers
    this.json = json
  }
}

interface Outcome {
  status: number
  /** What the caller reads; null = the error's own message, which was written for callers. */
  message: string | null
}

const TRY_AGAIN = 'The image service cannot answer this now. Nothing is lost; please try again.'
const OUTCOME_UNKNOWN = 'The change may or may not have been made. Look whether it was before trying again.'
const NO_ROOM = 'There is no room left for image data.'
const RECORD_TOO_LARGE = 'The image has too many or too large properties, tags or members.'
const INTERNAL = 'An unexpected error stopped this request. Its request id leads to the log of the node.'

type AnswerableCode = ImageErrorCode | ClusterErrorCode | HttpErrorCode

const ownMessage = (status: number): Outcome => ({ status, message: null })
const unavailable: Outcome = { status: 503, message: TRY_AGAIN }
const internal: Outcome = { status: 500, message: INTERNAL }

/** Every code there is. nova and others retry a 503 only, so whatever passes by itself must be one. */
export const OUTCOMES: Readonly<Record<AnswerableCode, Outcome>> = {
  INVALID: ownMessage(400),
  UNAUTHENTICATED: ownMessage(401),
  FORBIDDEN: ownMessage(403),
  NOT_FOUND: ownMessage(404),
  CONFLICT: ownMessage(409),
  GONE: ownMessage(410),
  TOO_LARGE: ownMessage(413),
  UNSUPPORTED_MEDIA: ownMessage(415),
  RANGE_NOT_SATISFIABLE: ownMessage(416),
  UNAVAILABLE: ownMessage(503),
  // Only an image that changes hands all the time lets it through.
  BASIS_CHANGED: unavailable,

  METHOD_NOT_ALLOWED: ownMessage(405),
  REQUEST_TIMEOUT: ownMessage(408),
  PRECONDITION_FAILED: ownMessage(412),
  BODY_TOO_LARGE: ownMessage(413),
  URI_TOO_LONG: ownMessage(414),
  UNSUPPORTED_PATCH: ownMessage(415),
  HEADER_TOO_LONG: ownMessage(431),
  TOKEN_REFUSED: ownMessage(401),

  // Asked for by operators alone; the message says what stands in the way.
  MEMBERSHIP_REFUSED: ownMessage(409),

  NO_QUORUM: unavailable,
  OUTCOME_UNKNOWN: { status: 503, message: OUTCOME_UNKNOWN },
  STORE_NOT_WRITABLE: unavailable,
  TOO_FEW_COPIES: unavailable,
  CHUNK_UNAVAILABLE: unavailable,
  PEER_UNREACHABLE: unavailable,
  PEER_BUSY: unavailable,
  RPC_TIMEOUT: unavailable,
  STOPPING: unavailable,
  // A node that cannot trust its own votes or rows says so; another one can answer.
  NOT_VOTING: unavailable,
  STALE_EPOCH: unavailable,
  FLOOR_MOVED: unavailable,
  CORRUPT_VALUE: unavailable,
  CHUNK_MISSING: unavailable,
  CHUNK_DAMAGED: unavailable,
  // Nodes of two releases side by side.
  UNKNOWN_OPERATION: unavailable,
  BAD_FRAME: unavailable,
  STORE_FULL: { status: 413, message: NO_ROOM },
  VALUE_TOO_LARGE: { status: 413, message: RECORD_TOO_LARGE },

  MESSAGE_TOO_LARGE: internal,
  FOREIGN_CLUSTER: internal,
  NOT_A_MEMBER: internal,
  DUPLICATE_IDENTITY: internal,
  INCOMPATIBLE_PEER: internal,
  GOSSIP_BROKEN: internal,
}

/** Seconds a client should wait after a 503: a lost node stops writes for less than two (architecture, promise 3). */
export const RETRY_AFTER_SECONDS = 2

export interface ErrorAnswer {
  status: number
  message: string
  headers: Record<string, string>
  /** The body; null = by what the client accepts. */
  json: object | null
}

/** What the caller may know of `error`. Anything unforeseen becomes a 500 that says nothing of the inside. */
export function describeError(error: unknown): ErrorAnswer {
  const { status, message } = outcomeOf(error)
  const headers: Record<string, string> = error instanceof HttpError ? { ...error.headers } : {}
  if (status === 503) headers['retry-after'] = String(RETRY_AFTER_SECONDS)
  return { status, message, headers, json: error instanceof HttpError ? error.json : null }
}

function outcomeOf(error: unknown): { status: number; message: string } {
  if (error instanceof SeracError && isAnswerable(error.code)) {
    const { status, message } = OUTCOMES[error.code]
    return { status, message: message ?? error.message }
  }
  const status = refusalStatus(error)
  return status === null
    ? { status: 500, message: INTERNAL }
    : { status, message: STATUS_CODES[status] ?? '' }
}

function isAnswerable(code: string): code is AnswerableCode {
  return Object.hasOwn(OUTCOMES, code)
}

/** fastify marks what it refuses (a URL that cannot be decoded, say) with a 4xx `statusCode` of its own. */
function refusalStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null
  const { statusCode } = error
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : null
}
