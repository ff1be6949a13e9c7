/** Answers with bytes of an image, for all versions of the API. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../cluster/runtime.ts'
import type { ImageRecord } from '../node/images/image-record.ts'
import type { OpenImage } from '../node/images/image-requests.ts'
import type { ApiComponents, ApiOptions } from './api-components.ts'
import { takeOver } from './replies.ts'
import { ClientLeftError } from './request-body.ts'
import type { ByteRange } from './v2/byte-range.ts'
import { openByteStream } from './v2/byte-stream.ts'

export interface ByteAnswer {
  status: number
  /** Set when the first bytes are there: until then it may be another answer. */
  headers: OutgoingHttpHeaders
  data: OpenImage & { record: Pick<ImageRecord, 'id' | 'checksum'> }
  range: ByteRange
}

export function sendBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, headers, data, range }: ByteAnswer,
  { streams, log }: Pick<ApiComponents, 'streams' | 'log'>,
  { clientPauseMs }: Pick<ApiOptions, 'clientPauseMs'>,
): Promise<FastifyReply> {
  const sink = { response: reply.raw, socket: request.raw.socket }
  return streams.run(async () => {
    const stream = await openByteStream(data, range, sink)
    takeOver(reply.code(status).headers(headers))
    await stream.send(clientPauseMs).catch((error: unknown) => logCut(log, request.id, data, error))
    return reply
  })
}

/** Clients leave when they please; a cut from our side means that no holder had a chunk. */
function logCut(log: Log, requestId: string, { record }: ByteAnswer['data'], error: unknown): void {
  const fields = { requestId, imageId: record.id, err: error }
  if (error instanceof ClientLeftError) log.info(fields, 'the client left a download')
  else log.error(fields, 'a download was cut')
}
