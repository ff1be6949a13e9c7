/**
 * Request bodies. fastify never touches them: the routes that want one read it here, straight from the socket, with a
 * cap or with back-pressure, and with a deadline.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../cluster/runtime.ts'
import { ImageError } from '../node/errors.ts'
import { HttpError } from './errors.ts'

/** A JSON body may hold this many bytes: as many as the largest record. */
export const JSON_BODY_BYTES_MAX = 1024 * 1024
/** A JSON body must be here within this time, ms: it fits in a few packets. */
export const JSON_BODY_MS_MAX = 30_000

/** Thrown to whoever reads a body when the client hangs up before its end. Nobody is there to get an answer. */
export class ClientLeftError extends Error {
  constructor() {
    super('the client closed the connection')
    this.name = 'ClientLeftError'
  }
}

/** Whether the request announces a body. Chunked counts, however many bytes then come (as in Glance). */
export function hasBody(request: IncomingMessage): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true
  return Number(request.headers['content-length'] ?? 0) > 0
}

/** Throws INVALID when a body comes with a request that takes none. */
export function refuseBody(request: IncomingMessage): void {
  if (hasBody(request)) throw new ImageError('INVALID', 'A body is not expected with this request.')
}

/** The media type of the body in lower case without parameters, or '' when unset. */
export function bodyMediaType(request: IncomingMessage): string {
  const [mediaType = ''] = (request.headers['content-type'] ?? '').split(';')
  return mediaType.trim().toLowerCase()
}

/** Reads and parses a JSON body, whatever its Content-Type says. Throws INVALID, BODY_TOO_LARGE, REQUEST_TIMEOUT. */
export async function readJsonBody(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  const endMs = clock.monotonicMs() + JSON_BODY_MS_MAX
  for await (const chunk of bodyOf(request, response, clock, () => endMs - clock.monotonicMs())) {
    sizeBytes += chunk.length
    if (sizeBytes > JSON_BODY_BYTES_MAX) {
      throw new HttpError('BODY_TOO_LARGE', `The body is larger than ${JSON_BODY_BYTES_MAX} bytes.`)
    }
    chunks.push(chunk)
  }
  if (sizeBytes === 0) throw new ImageError('INVALID', 'A body is expected with this request.')
  return parseJson(Buffer.concat(chunks, sizeBytes))
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    throw new ImageError('INVALID', 'The body is not valid JSON in UTF-8.')
  }
}

/**
 * The body as it comes, pulled: nothing is read from the socket while nobody asks for the next piece. A client may pause for
 * `pauseMs` while we are ready to read: slow disks and busy links do.
 */
export function uploadBody(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  pauseMs: number,
): AsyncIterable<Uint8Array> {
  return bodyOf(request, response, clock, () => pauseMs)
}

/**
 * Not node's own iterator: leaving that one early destroys the socket, or leaves a wait behind; this one may be left at
 * any time and the answer still be sent. Throws ClientLeftError, and REQUEST_TIMEOUT when `patienceMs()` pass between
 * two pieces.
 */
async function* bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  patienceMs: () => number,
): AsyncGenerator<Uint8Array> {
  if (request.headers.expect !== undefined) response.writeContinue()
  for (;;) {
    const chunk = pieceOf(request)
    if (chunk !== null) {
      yield chunk
      continue
    }
    if (request.readableEnded) return
    if (request.destroyed) throw new ClientLeftError()
    await moreOf(request, clock, patienceMs())
  }
}

function pieceOf(request: IncomingMessage): Uint8Array | null {
  const piece: unknown = request.read()
  return piece instanceof Uint8Array ? piece : null
}

const BODY_EVENTS = ['readable', 'end', 'close', 'error'] as const

/** Waits until `request` has bytes, has ended, or is gone: its state tells which. */
function moreOf(request: IncomingMessage, clock: Clock, patienceMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onEvent = () => {
      leave()
      resolve()
    }
    const leave = () => {
      cancel()
      for (const event of BODY_EVENTS) request.off(event, onEvent)
    }
    const cancel = clock.after(Math.max(0, patienceMs), () => {
      leave()
      reject(new HttpError('REQUEST_TIMEOUT', 'The body did not come in time.'))
    })
    for (const event of BODY_EVENTS) request.on(event, onEvent)
  })
}
