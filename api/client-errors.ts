/** Answers to what is no HTTP at all, or not in time. */
import type { ServerResponse, IncomingMessage, Server } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { renderError } from './error-body.ts'

/** node's parser tells these apart; everything else is a plain 400. */
const PARSER_STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** Knows which responses are under way on a socket, so that an error answer never lands inside image bytes. */
export class ClientErrorAnswers {
  readonly #underWay = new WeakMap<Socket, Set<ServerResponse>>()
  readonly #newRequestId: () => string

  constructor(newRequestId: () => string) {
    this.#newRequestId = newRequestId
  }

  /** Begins to watch the responses of `server`. */
  watch(server: Server): void {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const responses = this.#underWay.get(request.socket) ?? new Set()
      this.#underWay.set(request.socket, responses.add(response))
      response.once('close', () => responses.delete(response))
    })
  }

  /** fastify's clientErrorHandler. */
  readonly handle = (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code !== 'ECONNRESET' && socket.writable && !this.#hasBegunAnswer(socket)) {
      socket.write(this.#answer(PARSER_STATUS[error.code ?? ''] ?? 400))
    }
    socket.destroySoon()
  }

  #hasBegunAnswer(socket: Socket): boolean {
    return [...(this.#underWay.get(socket) ?? [])].some((response) => response.headersSent)
  }

  #answer(status: number): Buffer {
    const { contentType, body } = renderError(
      undefined,
      status,
      'The request is not valid HTTP, or came too late.',
    )
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `x-openstack-request-id: ${this.#newRequestId()}`,
      `content-type: ${contentType}`,
      `content-length: ${body.length}`,
      'connection: close',
    ]
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
  }
}
