/** Answers with the exact headers that Glance's clients know: no charset is added to what they compare as a whole. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Answer } from '../node/images/image-requests.ts'

export function sendJson(reply: FastifyReply, status: number, value: unknown): FastifyReply {
  return sendJsonText(reply, status, JSON.stringify(value))
}

/** As a buffer, because fastify would add a charset to the type of a JSON text. */
export function sendJsonText(reply: FastifyReply, status: number, json: string): FastifyReply {
  return reply.code(status).header('content-type', 'application/json').send(Buffer.from(json))
}

export function sendNothing(reply: FastifyReply): FastifyReply {
  return reply.code(204).send()
}

/** Takes the value out of an answer, and tells the caller when it may be out of date (architecture, rule R6). */
export function unwrap<T>(reply: FastifyReply, answer: Answer<T>): T {
  if (answer.stale) reply.header('x-serac-consistency', 'stale')
  return answer.value
}

/** Takes the answer out of fastify's hands: the raw response with the status and headers set so far, its head unsent. */
export function takeOver(reply: FastifyReply): ServerResponse {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
  return reply.hijack().raw
}
