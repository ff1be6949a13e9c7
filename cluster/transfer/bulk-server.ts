/**
 * The listening end of the bulk plane: HTTP/1.1 over mutual TLS 1.3. A connection is let in when TLS has proven that
 * the other end holds the key of an allowed node; any other is cut before a byte of HTTP is answered.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ClusterError } from '../errors.ts'
import type { NodeIdentity } from '../network/identity.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Traffic } from '../network/traffic.ts'
import type { Log } from '../runtime.ts'
import { createBulkCredentials, nodeIdOfCertificate } from './bulk-certificate.ts'
import { CLUSTER_HEADER, encodeError, INTERNAL_ERROR_STATUS } from './bulk-protocol.ts'
import { CHUNK_BYTES_MAX } from './chunk-buffer.ts'
import { BulkRoutes, type BulkRoutesComponents } from './bulk-routes.ts'

export interface BulkServerComponents extends BulkRoutesComponents {
  identity: NodeIdentity
  /** Whether this node belongs to the cluster now. Asked at every connection and every request. */
  isAllowed(id: NodeId): boolean
  /** The cluster this node belongs to now. */
  clusterId(): string
  traffic: Traffic
  log: Log
}

export interface BulkServerOptions {
  host: string
  /** 0 = any free port; see `port`. */
  port: number
  stallMs?: number
}

/** All peers together: seven nodes with four connections each, many times over. */
const CONNECTIONS_MAX = 256
/** One peer uses four (bulk-agent.ts); the rest is for those that it has given up and we have not noticed yet. */
const CONNECTIONS_PER_PEER_MAX = 16
/** Strangers hold a place until then. */
const HANDSHAKE_TIMEOUT_MS = 5_000
const HEADERS_TIMEOUT_MS = 10_000
/** A whole chunk must have come by then: 70 KiB/s, below any network worth a replica. */
const REQUEST_TIMEOUT_MS = 60_000
/** Idle connections; the agent of the other end closes earlier, told by the Keep-Alive header. */
const KEEP_ALIVE_MS = 60_000
/** How often node:http looks for requests over their time. */
const CHECK_INTERVAL_MS = 5_000
/** Longer than the 2 s after which the other end gives up: whoever still waits then is not one of ours. */
const STALL_MS = 10_000

export class BulkServer {
  readonly #components: BulkServerComponents
  readonly #options: BulkServerOptions
  readonly #routes: BulkRoutes
  readonly #peers = new WeakMap<Socket, NodeId>()
  readonly #connectionsOf = new Map<NodeId, number>()
  readonly #sockets = new Set<Socket>()
  readonly #underWay = new Set<Promise<void>>()
  #server: Server | null = null

  constructor(components: BulkServerComponents, options: BulkServerOptions) {
    this.#components = components
    this.#options = options
    this.#routes = new BulkRoutes(components, { stallMs: options.stallMs ?? STALL_MS })
  }

  /** The port it listens on; only between start and stop. */
  get port(): number {
    const address = this.#server?.address()
    if (!address || typeof address === 'string')
      throw new ClusterError('STOPPING', 'the bulk server does not listen')
    return address.port
  }

  async start(): Promise<void> {
    const server = createServer({
      ...createBulkCredentials(this.#components.identity),
      minVersion: 'TLSv1.3',
      requestCert: true,
      // No authority signs node keys: admission compares the proven key with the allow-list instead.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    })
    server.maxConnections = CONNECTIONS_MAX
    server.on('connection', (socket: Socket) => this.#track(socket))
    // Before node:http's own listener, so that a stranger's bytes never reach the parser.
    server.prependListener('secureConnection', (socket) => this.#admit(socket))
    server.on('tlsClientError', (error, socket) => {
      this.#components.log.debug(
        { from: socket.remoteAddress, error },
        'a TLS handshake on the bulk plane failed',
      )
      socket.destroy()
    })
    server.on('request', (request, response) => this.#onRequest(request, response))
    this.#server = server
    await listen(server, this.#options)
  }

  /** Cuts every connection; resolves when no request touches the store any more. */
  async stop(): Promise<void> {
    const server = this.#server
    if (!server) return
    this.#server = null
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
    await Promise.allSettled(this.#underWay)
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    this.#components.traffic.watch(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #admit(socket: TLSSocket): void {
    const peer = nodeIdOfCertificate(socket.getPeerX509Certificate())
    if (peer === null || !this.#components.isAllowed(peer)) {
      this.#components.log.warn({ peer, from: socket.remoteAddress }, 'a stranger was cut off the bulk plane')
      socket.destroy()
      return
    }
    const connections = (this.#connectionsOf.get(peer) ?? 0) + 1
    if (connections > CONNECTIONS_PER_PEER_MAX) {
      this.#components.log.warn({ peer, connections }, 'a peer opened too many bulk connections')
      socket.destroy()
      return
    }
    this.#peers.set(socket, peer)
    this.#connectionsOf.set(peer, connections)
    socket.once('close', () => this.#forgetConnection(peer))
  }

  #forgetConnection(peer: NodeId): void {
    const left = (this.#connectionsOf.get(peer) ?? 0) - 1
    if (left > 0) this.#connectionsOf.set(peer, left)
    else this.#connectionsOf.delete(peer)
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const serving = this.#serve(request, response).finally(() => this.#underWay.delete(serving))
    this.#underWay.add(serving)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const peer = this.#peers.get(request.socket)
    // Asked again: a node may have been removed from the cluster since it connected.
    if (peer === undefined || !this.#components.isAllowed(peer)) return void request.socket.destroy()
    const gone = new AbortController()
    response.once('close', () => gone.abort(new ClusterError('PEER_UNREACHABLE', 'the peer hung up')))
    try {
      this.#requireSameCluster(request)
      await this.#routes.serve(request, response, gone.signal)
    } catch (error) {
      this.#answerError(peer, error, request, response)
    }
  }

  #requireSameCluster(request: IncomingMessage): void {
    const own = this.#components.clusterId()
    if (request.headers[CLUSTER_HEADER] === own) return
    throw new ClusterError('FOREIGN_CLUSTER', 'the request is meant for another cluster', { own })
  }

  #answerError(peer: NodeId, error: unknown, request: IncomingMessage, response: ServerResponse): void {
    const fields = { peer, method: request.method, path: request.url, error }
    if (response.headersSent || response.destroyed) {
      this.#components.log.debug(fields, 'a bulk transfer was cut')
      response.destroy()
      return
    }
    const { status, body } = encodeError(error)
    if (status === INTERNAL_ERROR_STATUS) this.#components.log.error(fields, 'a bulk request failed')
    // node:http reads the rest of a refused body, so that the answer is not lost in a reset; not one without bound.
    if (!isBounded(request)) response.setHeader('connection', 'close')
    response.writeHead(status, { 'content-type': 'application/cbor', 'content-length': body.length })
    response.end(body)
  }
}

function isBounded(request: IncomingMessage): boolean {
  return request.complete || Number(request.headers['content-length']) <= CHUNK_BYTES_MAX
}

function listen(server: Server, { host, port }: BulkServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
