/**
 * Answers that come before the whole body has: 401 or 409 to an upload, say. Left to itself node would either read the
 * rest of the image, or close with unread bytes, at which the kernel resets the connection and the client never sees the
 * answer. So: send the answer, read and drop a bounded rest, close.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../cluster/runtime.ts'
import { takeOver } from './replies.ts'
import { hasBody } from './request-body.ts'

/** Bytes dropped at most: what a client has in flight in its socket buffers and ours. */
export const DRAIN_BYTES_MAX = 4 * 1024 * 1024
/** And no longer than this, ms: enough for one round trip on any link. */
export const DRAIN_MS_MAX = 1000

/**
 * An onSend hook (callback style: not calling `done` is what takes the answer out of fastify's hands). Answers without
 * outstanding body pass untouched.
 */
export function earlyAnswerHook(clock: Clock) {
  return (
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (error: Error | null, payload?: unknown) => void,
  ): void => {
    if (!bodyOutstanding(request.raw)) return done(null, payload)
    // The end of a small body may sit in the packet being parsed right now: look again when that is done.
    setImmediate(() => {
      if (!bodyOutstanding(request.raw)) return done(null, payload)
      answerAndDrain(reply, Buffer.isBuffer(payload) ? payload : Buffer.alloc(0), clock)
    })
  }
}

function bodyOutstanding(request: IncomingMessage): boolean {
  return hasBody(request) && !request.complete && !request.readableEnded
}

function answerAndDrain(reply: FastifyReply, body: Buffer, clock: Clock): void {
  const response = takeOver(reply.headers({ connection: 'close', 'content-length': body.length }))
  // The client has all it needs with this; `end` is what closes the connection.
  response.flushHeaders()
  if (body.length > 0) response.write(body)
  drain(reply.request.raw, clock, () => response.end())
}

/** Reads and drops until the body ends, the client leaves, or a bound is met; then calls `done`, once. */
function drain(request: IncomingMessage, clock: Clock, done: () => void): void {
  let droppedBytes = 0
  const finish = () => {
    cancel()
    request.off('data', onData).off('end', finish).off('close', finish)
    request.pause()
    done()
  }
  const onData = (chunk: Buffer) => {
    droppedBytes += chunk.length
    if (droppedBytes >= DRAIN_BYTES_MAX) finish()
  }
  const cancel = clock.after(DRAIN_MS_MAX, finish)
  request.on('data', onData).once('end', finish).once('close', finish)
  request.resume()
}
