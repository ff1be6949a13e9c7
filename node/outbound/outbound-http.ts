/** The port through which this node fetches what users name: a URL of theirs is never opened in any other way. */
import { SeracError } from '../../cluster/errors.ts'

export type OutboundErrorCode =
  /** The operator's rules do not allow it. Trying again changes nothing. */
  | 'OUTBOUND_REFUSED'
  /** The other side could not be reached, broke off, was too slow, or is not what it says. */
  | 'OUTBOUND_FAILED'

/** The message is for users: it names no credentials. */
export class OutboundError extends SeracError {
  declare readonly code: OutboundErrorCode

  // oxlint-disable-next-line no-useless-constructor -- narrows the code's type
  constructor(
    code: OutboundErrorCode,
    message: string,
    fields: Record<string, unknown> = {},
    cause?: unknown,
  ) {
    super(code, message, fields, cause)
    this.name = 'OutboundError'
  }
}

export interface OutboundRequest {
  url: string
  method: 'GET' | 'HEAD'
  /** Bytes asked for, inclusive. The other side may send everything all the same (200). */
  range?: { start: number; end: number }
  /** More headers. They hold credentials: no other origin is sent them, wherever a redirect leads. */
  headers?: Readonly<Record<string, string>>
  /** Larger answers are broken off. */
  sizeBytesMax: number
  signal: AbortSignal
}

export interface OutboundAnswer {
  /** Of the last hop: never a redirect. */
  status: number
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  /** What Content-Length says; null when it says nothing. */
  lengthBytes: number | null
  /** To be read once, or closed. Throws OUTBOUND_FAILED when less or more comes than was said, or nothing for too long. */
  body: AsyncIterable<Uint8Array>
  /** Ends the connection; whoever has the answer owes it. */
  close(): Promise<void>
}

export interface OutboundHttp {
  /** Throws OUTBOUND_REFUSED for a URL that is refused by its looks alone: where its name leads shows when it is sent. */
  check(url: string): void
  /** Throws OutboundError, or the signal's reason. */
  send(request: OutboundRequest): Promise<OutboundAnswer>
}

/** A URL as it may stand in logs and messages: without credentials and without what signs it. */
export function shownUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  return url ? `${url.protocol}//${url.host}${url.pathname}` : 'a URL that cannot be read'
}
