/** What a node does for its peers on the bulk plane: hands out chunks, takes them, answers for what it holds. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../runtime.ts'
import {
  CHUNK_PATH,
  COMMAND_BYTES_MAX,
  decodeHave,
  decodeReferences,
  decodeUnpin,
  encodeHaveAnswer,
  encodeReferencesAnswer,
  HAVE_PATH,
  isChunkHash,
  isUploadId,
  PIN_HEADER,
  REFERENCES_PATH,
  UNPIN_PATH,
} from './bulk-protocol.ts'
import { announcedBytes, receivePayload, sendPayload, StallWatch } from './bulk-streams.ts'
import { CHUNK_BYTES_MAX, type ChunkBufferPool } from './chunk-buffer.ts'
import type { ChunkHasher } from './chunk-hasher.ts'
import { LifeSign } from './life-sign.ts'
import type { ChunkHash, LocalChunks, UploadId } from './local-chunks.ts'

export interface BulkRoutesComponents {
  local: LocalChunks
  /** The peers' share of the byte budget: while it is used up, bodies wait unread in their sockets. */
  pool: ChunkBufferPool
  hasher: ChunkHasher
  clock: Clock
}

const NO_CONTENT = 204

export class BulkRoutes {
  readonly #local: LocalChunks
  readonly #pool: ChunkBufferPool
  readonly #hasher: ChunkHasher
  readonly #clock: Clock
  readonly #stallMs: number

  /** `stallMs`: how long a peer may send or take nothing in mid-body before its connection is cut. */
  constructor(components: BulkRoutesComponents, options: { stallMs: number }) {
    this.#local = components.local
    this.#pool = components.pool
    this.#hasher = components.hasher
    this.#clock = components.clock
    this.#stallMs = options.stallMs
  }

  /** Answers one request of a peer that has been let in; `gone` is aborted when its connection closes. */
  async serve(request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const path = request.url ?? ''
    if (path.startsWith(CHUNK_PATH)) {
      const hash = path.slice(CHUNK_PATH.length)
      if (!isChunkHash(hash)) throw new ClusterError('BAD_FRAME', 'the path names no chunk')
      if (request.method === 'GET') return this.#sendChunk(hash, response, gone)
      if (request.method === 'PUT') return this.#takeChunk(hash, request, response, gone)
    }
    if (request.method === 'POST') return this.#command(path, request, response)
    throw unknownRoute(request)
  }

  async #sendChunk(hash: ChunkHash, response: ServerResponse, gone: AbortSignal): Promise<void> {
    const slot = await this.#pool.acquire(gone)
    try {
      await this.#local.read(hash, slot)
      response.setHeader('content-length', slot.length)
      await this.#watched(response, (watch) => sendPayload(response, slot.payload, watch))
      response.end()
    } finally {
      slot.release()
    }
  }

  async #takeChunk(
    hash: ChunkHash,
    request: IncomingMessage,
    response: ServerResponse,
    gone: AbortSignal,
  ): Promise<void> {
    const pin = pinOf(request)
    const lengthBytes = announcedBytes(request, CHUNK_BYTES_MAX)
    if (lengthBytes === 0) throw new ClusterError('BAD_FRAME', 'a chunk has at least one byte')
    const slot = await this.#pool.acquire(gone)
    try {
      slot.length = lengthBytes
      await this.#watched(request, (watch) => receivePayload(request, slot.payload, watch))
      if ((await this.#hasher(slot)) !== hash) {
        throw new ClusterError('CHUNK_DAMAGED', 'the bytes received do not hash to the name', { hash })
      }
      await this.#local.put(hash, slot, pin)
    } finally {
      slot.release()
    }
    response.statusCode = NO_CONTENT
    response.end()
  }

  async #command(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const run = this.#commandAt(path)
    if (!run) throw unknownRoute(request)
    const body = Buffer.alloc(announcedBytes(request, COMMAND_BYTES_MAX))
    await this.#watched(request, (watch) => receivePayload(request, body, watch))
    const answer = await run(body)
    response.setHeader('content-length', answer.length)
    response.end(answer)
  }

  #commandAt(path: string): ((body: Uint8Array) => Promise<Uint8Array>) | null {
    switch (path) {
      case HAVE_PATH:
        return async (body) => {
          const { pin, hashes } = decodeHave(body)
          return encodeHaveAnswer(await this.#local.have(hashes, pin))
        }
      case UNPIN_PATH:
        return async (body) => {
          await this.#local.unpin(decodeUnpin(body).upload)
          return new Uint8Array()
        }
      case REFERENCES_PATH:
        return async (body) => {
          const { root, hashes } = decodeReferences(body)
          return encodeReferencesAnswer(await this.#local.addReferences(root, hashes))
        }
      default:
        return null
    }
  }

  /** Cuts the connection when nothing moves for too long, so that a slow peer cannot keep a slot. */
  async #watched(
    stream: IncomingMessage | ServerResponse,
    transfer: (watch: StallWatch) => Promise<void>,
  ): Promise<void> {
    const watch = new StallWatch(this.#clock, new LifeSign(this.#clock), this.#stallMs, () =>
      stream.destroy(),
    )
    try {
      await transfer(watch)
    } finally {
      watch.stop()
    }
  }
}

function pinOf(request: IncomingMessage): UploadId | null {
  const pin = request.headers[PIN_HEADER]
  if (pin === undefined) return null
  if (!isUploadId(pin)) throw new ClusterError('BAD_FRAME', `${PIN_HEADER} is no upload id`)
  return pin
}

function unknownRoute(request: IncomingMessage): ClusterError {
  return new ClusterError('BAD_FRAME', `the bulk plane has no ${request.method ?? ''} ${request.url ?? ''}`)
}
