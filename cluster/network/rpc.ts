/**
 * Requests and answers between nodes over libp2p streams. Every request carries cluster id and epoch: a foreign cluster
 * is refused, a newer epoch is fetched before the request is answered (R10).
 */
import type { Stream } from '@libp2p/interface'
import { ClusterError, SeracError } from '../errors.ts'
import type { Clock, Log } from '../runtime.ts'
import { AnswerStream } from './answer-stream.ts'
import { within } from './deadline.ts'
import type { Host } from './host.ts'
import type { Link } from './link.ts'
import { PROTOCOLS, STREAMS_PER_PROTOCOL_MAX, type WireProtocol } from './protocols.ts'
import { RequestChannel } from './request-channel.ts'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeFailure,
  encodeRequest,
  INTERNAL,
  type RequestMessage,
} from './rpc-messages.ts'
import type { NodeId, PeerRpc, RpcOptions } from './rpc-port.ts'

/** As RpcHandler, knowing also the link that brought the request (null: this node asked itself). */
export type LinkHandler = (from: NodeId, request: unknown, link: Link | null) => Promise<unknown>

export interface RpcComponents {
  host: Host
  clock: Clock
  log: Log
}

export interface RpcInit {
  clusterId(): string
  epoch(): number
  /** Others may use only what settles who belongs to what. Default: nobody is a stranger. */
  isMember?(peer: NodeId): boolean
  /** The link to use for a peer, or null while there is none. */
  linkTo(peer: NodeId): Link | null
  /**
   * A peer showed a newer config: fetch and persist it. Awaited before the peer's request is answered; never runs
   * twice at a time. A rejection refuses the request.
   */
  onNewerEpoch?(from: NodeId, epoch: number): Promise<void>
}

/** These settle who belongs to what, and tell a foreign node the reason: their handlers look at the cluster id. */
const OPEN_TO_FOREIGN_CLUSTERS: ReadonlySet<WireProtocol> = new Set(['hello', 'admission'])

export class Rpc implements PeerRpc {
  readonly #host: Host
  readonly #clock: Clock
  readonly #log: Log
  readonly #init: RpcInit
  readonly #handlers = new Map<WireProtocol, LinkHandler>()
  readonly #channels = new Map<Link, Map<WireProtocol, RequestChannel>>()
  #fetchingEpoch: Promise<void> | null = null

  constructor({ host, clock, log }: RpcComponents, init: RpcInit) {
    this.#host = host
    this.#clock = clock
    this.#log = log
    this.#init = init
    host.on('close', (link) => this.#forget(link))
  }

  handle(protocol: WireProtocol, handler: LinkHandler): void {
    const known = this.#handlers.has(protocol)
    this.#handlers.set(protocol, handler)
    if (!known) {
      this.#host.serve(PROTOCOLS[protocol].id, STREAMS_PER_PROTOCOL_MAX, (link, stream) =>
        this.#serve(protocol, link, stream),
      )
    }
  }

  async request(to: NodeId, protocol: WireProtocol, request: unknown, options: RpcOptions): Promise<unknown> {
    if (to === this.#host.id) return this.#askSelf(protocol, request, options)
    const link = this.#init.linkTo(to)
    if (!link) throw new ClusterError('PEER_UNREACHABLE', 'no link to the peer', { peer: to })
    return this.requestOn(link, protocol, request, options)
  }

  /** As `request`, over this very link. */
  async requestOn(
    link: Link,
    protocol: WireProtocol,
    request: unknown,
    options: RpcOptions,
  ): Promise<unknown> {
    const message = encodeRequest({
      clusterId: this.#init.clusterId(),
      epoch: this.#init.epoch(),
      body: request,
    })
    const answer = decodeAnswer(await this.#channel(link, protocol).request(message, options))
    this.#noteEpoch(protocol, link.peer, answer.epoch)
    if ('failure' in answer) throw answer.failure
    return answer.body
  }

  /** Ends all streams; what is under way fails. */
  stop(): void {
    for (const link of this.#channels.keys()) this.#forget(link)
  }

  async #askSelf(protocol: WireProtocol, request: unknown, options: RpcOptions): Promise<unknown> {
    const handler = this.#handlers.get(protocol)
    if (!handler) throw unhandled(protocol)
    try {
      return await within(this.#clock, handler(this.#host.id, request, null), options)
    } catch (error) {
      throw this.#presentable(error, protocol, this.#host.id)
    }
  }

  #channel(link: Link, protocol: WireProtocol): RequestChannel {
    if (!link.open)
      throw new ClusterError('PEER_UNREACHABLE', 'the link to the peer is closed', { peer: link.peer })
    let channels = this.#channels.get(link)
    if (!channels) this.#channels.set(link, (channels = new Map<WireProtocol, RequestChannel>()))
    let channel = channels.get(protocol)
    if (!channel)
      channels.set(protocol, (channel = new RequestChannel(link, this.#clock, PROTOCOLS[protocol])))
    return channel
  }

  #forget(link: Link): void {
    const channels = this.#channels.get(link)
    this.#channels.delete(link)
    for (const channel of channels?.values() ?? []) channel.close()
  }

  #serve(protocol: WireProtocol, link: Link, stream: Stream): void {
    // The stream's listeners keep it; it ends with the stream.
    void new AnswerStream(stream, PROTOCOLS[protocol], {
      answer: (request) => this.#answer(protocol, link, request),
      refuse: (error) => encodeFailure(this.#init.epoch(), error),
    })
  }

  async #answer(protocol: WireProtocol, link: Link, bytes: Uint8Array): Promise<Uint8Array> {
    try {
      const request = decodeRequest(bytes)
      await this.#admit(protocol, link.peer, request)
      const handler = this.#handlers.get(protocol)
      if (!handler) throw unhandled(protocol)
      return encodeAnswer(this.#init.epoch(), await handler(link.peer, request.body, link))
    } catch (error) {
      return encodeFailure(this.#init.epoch(), this.#presentable(error, protocol, link.peer))
    }
  }

  async #admit(protocol: WireProtocol, from: NodeId, request: RequestMessage): Promise<void> {
    if (OPEN_TO_FOREIGN_CLUSTERS.has(protocol)) return
    if (this.#init.isMember?.(from) === false)
      throw new ClusterError('NOT_A_MEMBER', `node ${from} is no member of this cluster`)
    const clusterId = this.#init.clusterId()
    if (request.clusterId !== clusterId) {
      throw new ClusterError('FOREIGN_CLUSTER', `this node belongs to cluster ${clusterId}`, {
        clusterId,
        theirClusterId: request.clusterId,
      })
    }
    if (request.epoch > this.#init.epoch()) await this.#fetchEpoch(from, request.epoch)
  }

  /** An answer with a newer epoch is a reason to fetch it, not to wait for it. */
  #noteEpoch(protocol: WireProtocol, from: NodeId, epoch: number): void {
    if (OPEN_TO_FOREIGN_CLUSTERS.has(protocol) || epoch <= this.#init.epoch()) return
    this.#fetchEpoch(from, epoch).catch((error: unknown) => {
      this.#log.warn({ peer: from, epoch, err: error }, 'could not fetch a newer cluster config')
    })
  }

  async #fetchEpoch(from: NodeId, epoch: number): Promise<void> {
    // A fetch under way may bring an older epoch than this one, or fail for a reason of its own.
    await this.#fetchingEpoch?.catch(() => {})
    if (epoch <= this.#init.epoch() || !this.#init.onNewerEpoch) return
    this.#fetchingEpoch ??= this.#init.onNewerEpoch(from, epoch).finally(() => {
      this.#fetchingEpoch = null
    })
    await this.#fetchingEpoch
  }

  #presentable(error: unknown, protocol: WireProtocol, from: NodeId): SeracError {
    if (error instanceof SeracError) return error
    this.#log.error({ protocol, peer: from, err: error }, 'a request handler failed')
    return new SeracError(INTERNAL, 'the node failed to handle the request; its log says why', {}, error)
  }
}

function unhandled(protocol: WireProtocol): ClusterError {
  return new ClusterError('UNKNOWN_OPERATION', `this node does not serve ${protocol} yet`, { protocol })
}
