/**
 * Answers that come before the whole body has: 401 or 409 to an upload, say. Left to itself node would either read the
 * rest of the image, or close with unread bytes, at which the kernel resets the connection and the client never sees the
 * answer; nor does a proxy that has not come round to reading it. So: send the answer, read and drop the rest for a while,
 * close. OpenStack's clients look for an answer when they have sent everything.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../cluster/runtime.ts'
import { takeOver } from './replies.ts'
import { hasBody, uploadBody } from './request-body.ts'

/** For which the rest is read, ms: nginx's default for the same (`lingering_time`), some 3 GiB at a gigabit a second. */
export const LINGER_MS_MAX = 30_000
/** And it ends when nothing came for this long, ms: nginx's `lingering_timeout`, more than a proxy on a busy host sleeps. */
export const LINGER_SILENCE_MS_MAX = 5000

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
  // What cuts this short, silence or a client that left, is what the close is for.
  dropRest(reply.request.raw, response, clock).then(
    () => response.end(),
    () => response.end(),
  )
}

async function dropRest(request: IncomingMessage, response: ServerResponse, clock: Clock): Promise<void> {
  const endMs = clock.monotonicMs() + LINGER_MS_MAX
  for await (const _ of uploadBody(request, response, clock, LINGER_SILENCE_MS_MAX)) {
    if (clock.monotonicMs() >= endMs) return
  }
}
