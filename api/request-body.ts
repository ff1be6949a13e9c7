/**
 * Request bodies. fastify never touches them: the routes that want one read it here, straight from the socket, with a
 * cap or with back-pressure, and with a deadline.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../cluster/runtime.ts'
import { ImageError } from '../node/errors.ts'
import { HttpError } from './errors.ts'
import { LoopTurn } from './loop-turn.ts'

/** A JSON body may hold this many bytes: as many as the largest record. */
export const JSON_BODY_BYTES_MAX = 1024 * 1024
/** Lists and objects within each other: more than anything means, and than what walks a value has stack for. */
export const JSON_DEPTH_MAX = 100
/** A JSON body must be here within this time, ms: it fits in a few packets. */
export const JSON_BODY_MS_MAX = 30_000

/**
 * All uploads share it, and downloads have one of their own: those take a chunk at a time, an upload a sixty-fourth of that, so
 * that in one queue uploads would get next to nothing.
 */
const uploadTurn = new LoopTurn(() => performance.now())

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
  const value = parsed(body)
  if (isDeeper(value, JSON_DEPTH_MAX))
    throw new ImageError('INVALID', `The body is nested deeper than ${JSON_DEPTH_MAX} levels.`)
  return value
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    throw new ImageError('INVALID', 'The body is not valid JSON in UTF-8.')
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1))
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
  return bodyOf(request, response, clock, () => pauseMs, uploadTurn)
}

/**
 * Not node's own iterator: leaving that one early destroys the socket, or leaves a wait behind; this one may be left at
 * any time and the answer still be sent. Throws ClientLeftError, and REQUEST_TIMEOUT when `patienceMs()` pass between
 * two pieces. `turn`: of a body that may be long; while it is over the socket is not read either.
 */
async function* bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  patienceMs: () => number,
  turn: LoopTurn | null = null,
): AsyncGenerator<Uint8Array> {
  if (request.headers.expect !== undefined && !response.headersSent) response.writeContinue()
  const watch = new BodyWatch(request, clock)
  try {
    for (;;) {
      while (turn?.isOver() === true) await turn.pause()
      const chunk = pieceOf(request)
      if (chunk !== null) {
        yield chunk
        continue
      }
      if (request.readableEnded) return
      if (request.destroyed) throw new ClientLeftError()
      await watch.change(patienceMs())
    }
  } finally {
    watch.end()
  }
}

function pieceOf(request: IncomingMessage): Uint8Array | null {
  const piece: unknown = request.read()
  return piece instanceof Uint8Array ? piece : null
}

const BODY_EVENTS = ['readable', 'end', 'close', 'error'] as const

/**
 * Tells when `request` has bytes, has ended, or is gone: its state tells which. It listens once for a whole body, and has
 * one timer: a GiB comes in 16 000 pieces, and to begin and end a wait for each would cost as much as to copy them.
 */
class BodyWatch {
  readonly #request: IncomingMessage
  readonly #clock: Clock
  #changed = false
  #waiting: { resolve: () => void; reject: (error: Error) => void } | null = null
  #lateMs = Infinity
  #timerAtMs = Infinity
  #cancelTimer: () => void = () => {}

  constructor(request: IncomingMessage, clock: Clock) {
    this.#request = request
    this.#clock = clock
    for (const event of BODY_EVENTS) request.on(event, this.#onEvent)
  }

  /** Resolves at the next change, or at once if there was one since the last call. Rejects with REQUEST_TIMEOUT. */
  async change(patienceMs: number): Promise<void> {
    if (!this.#changed) {
      this.#lateMs = this.#clock.monotonicMs() + patienceMs
      if (this.#timerAtMs > this.#lateMs) this.#setTimer(patienceMs)
      await new Promise<void>((resolve, reject) => (this.#waiting = { resolve, reject }))
    }
    this.#changed = false
  }

  end(): void {
    this.#cancelTimer()
    for (const event of BODY_EVENTS) this.#request.off(event, this.#onEvent)
  }

  readonly #onEvent = () => {
    this.#changed = true
    this.#waiting?.resolve()
    this.#waiting = null
  }

  #setTimer(afterMs: number): void {
    this.#cancelTimer()
    this.#timerAtMs = this.#clock.monotonicMs() + afterMs
    this.#cancelTimer = this.#clock.after(Math.max(0, afterMs), () => this.#onTimer())
  }

  /** Set for an earlier wait perhaps: then it is set again for the one under way. */
  #onTimer(): void {
    this.#timerAtMs = Infinity
    if (!this.#waiting) return
    const leftMs = this.#lateMs - this.#clock.monotonicMs()
    if (leftMs > 0) return this.#setTimer(leftMs)
    this.#waiting.reject(new HttpError('REQUEST_TIMEOUT', 'The body did not come in time.'))
    this.#waiting = null
  }
}
