/**
 * The libp2p host of a node: TCP, TLS 1.3 with the node's own key, yamux. Nobody but allow-listed peers gets past the
 * handshake, nothing is dialled that membership did not ask for, and nothing public is ever contacted.
 *
 * libp2p's private-network key is not used: its cipher module aborts under load, and the allow-list is the stronger gate.
 */
import { EventEmitter } from 'node:events'
import type { GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { ClusterError } from '../errors.ts'
import type { Log } from '../runtime.ts'
import { formatHostPort, toMultiaddr } from './address.ts'
import { guardComponents } from './guarded-registrar.ts'
import type { NodeIdentity } from './identity.ts'
import { Link } from './link.ts'
import type { NodeId } from './rpc-port.ts'
import { tlsInWholeRecords } from './whole-records.ts'

export type GossipFactory = ReturnType<typeof gossipsub>
export type StreamHandler = (link: Link, stream: Stream) => void

export interface HostComponents {
  identity: NodeIdentity
  log: Log
}

export interface HostInit {
  /** `host:port` to listen on; port 0 = any free one. */
  listen: string
  /** The allow-list, read at every handshake and dial. */
  isAllowed(peer: NodeId): boolean
  /** Whose gossip counts. Default: everybody who is allowed. */
  isMember?(peer: NodeId): boolean
  /** Gossip is only part of the host when this is given. */
  gossip?: GossipFactory
}

/** Connections at once, both ways: far above any cluster, so that only an attack meets it. */
const CONNECTIONS_MAX = 512
/** Handshakes under way. libp2p's 10 would let ten silent strangers lock out every peer. */
const PENDING_INBOUND_MAX = 256
/** New connections per second and address. libp2p's 5 refuses quick restarts behind one address. */
const INBOUND_PER_SECOND_MAX = 100
/** A handshake takes milliseconds; whoever needs longer only holds a place. */
const HANDSHAKE_TIMEOUT_MS = 5_000
/** TCP connect and handshake of one dial. Shorter than the slowest re-dial pause, so that a black hole costs little. */
const DIAL_TIMEOUT_MS = 3_000

type Services = { identify: Identify; gossip?: GossipSub }

/** `open` and `close` tell of every authenticated, allowed connection. */
export class Host extends EventEmitter<{ open: [Link]; close: [Link] }> {
  readonly id: NodeId
  readonly #identity: NodeIdentity
  readonly #log: Log
  readonly #init: HostInit
  readonly #known = new WeakMap<Connection, Link>()
  readonly #open = new Set<Link>()
  readonly #handlers = new Map<string, { streamsMax: number; handler: StreamHandler }>()
  #libp2p: Libp2p<Services> | null = null

  constructor({ identity, log }: HostComponents, init: HostInit) {
    super()
    this.id = identity.id
    this.#identity = identity
    this.#log = log
    this.#init = init
  }

  /** The address that is listened on, with the real port. Only between start and stop. */
  get address(): string {
    const options = this.#running.getMultiaddrs()[0]?.getComponents() ?? []
    const value = (...names: string[]) => options.find(({ name }) => names.includes(name))?.value ?? ''
    return formatHostPort({ host: value('ip4', 'ip6'), port: Number(value('tcp')) })
  }

  /** The gossip service, when the host was made with one. */
  get gossip(): GossipSub | null {
    return this.#running.services.gossip ?? null
  }

  get links(): Link[] {
    return [...this.#open]
  }

  async start(): Promise<void> {
    const libp2p = await createLibp2p<Services>({ ...this.#options(), start: false })
    libp2p.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    libp2p.addEventListener('connection:close', ({ detail }) => this.#closed(detail))
    this.#libp2p = libp2p
    for (const [id, { streamsMax, handler }] of this.#handlers) await this.#register(id, streamsMax, handler)
    await libp2p.start()
  }

  async stop(): Promise<void> {
    const libp2p = this.#libp2p
    // Peers lose us at once; libp2p's own goodbye may take half a second per connection.
    for (const link of this.links) link.close('the node is stopping')
    await libp2p?.stop()
    this.#libp2p = null
  }

  /** Serves a protocol to every allowed peer, also from before `start()` on. */
  serve(protocolId: string, streamsMax: number, handler: StreamHandler): void {
    this.#handlers.set(protocolId, { streamsMax, handler })
    if (!this.#libp2p) return
    this.#register(protocolId, streamsMax, handler).catch((error: unknown) => {
      this.#log.error({ protocolId, err: error }, 'could not serve a protocol')
    })
  }

  /**
   * Connects to `peer` at `host:port`, or answers with the connection that is there already. Throws PEER_UNREACHABLE,
   * also when another key than the peer's answers there.
   */
  async dial(peer: NodeId, address: string, signal?: AbortSignal): Promise<Link> {
    const timeout = AbortSignal.timeout(DIAL_TIMEOUT_MS)
    try {
      const connection = await this.#running.dial(toMultiaddr(address, peer), {
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
      return this.#linkOf(connection)
    } catch (error) {
      const why = (error as Error).message
      throw new ClusterError(
        'PEER_UNREACHABLE',
        `cannot connect to ${address}: ${why}`,
        { peer, address },
        error,
      )
    }
  }

  /**
   * Lets gossip use this link. libp2p would do so for every connection; here only links that membership has admitted
   * take part, and a peer's gossip moves on when its link is replaced.
   */
  async admitToGossip(link: Link): Promise<void> {
    if (this.#libp2p && link.open) await this.#running.services.identify.identify(link.connection)
  }

  get #running(): Libp2p<Services> {
    if (!this.#libp2p) throw new ClusterError('STOPPING', 'the network host is not running')
    return this.#libp2p
  }

  #options(): Parameters<typeof createLibp2p<Services>>[0] {
    const { gossip } = this.#init
    const isMember = (peer: NodeId) => this.#init.isMember?.(peer) ?? this.#init.isAllowed(peer)
    return {
      privateKey: this.#identity.libp2pKey,
      nodeInfo: { name: 'serac', version: '1', userAgent: 'serac' },
      addresses: { listen: [toMultiaddr(this.#init.listen).toString()] },
      transports: [tcp()],
      connectionEncrypters: [tlsInWholeRecords()],
      streamMuxers: [yamux()],
      connectionGater: this.#gater(),
      connectionManager: {
        maxConnections: CONNECTIONS_MAX,
        maxIncomingPendingConnections: PENDING_INBOUND_MAX,
        inboundConnectionThreshold: INBOUND_PER_SECOND_MAX,
        inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
        reconnectRetries: 0,
      },
      // Our own heartbeat is faster, and libp2p's would cut a link that is merely busy.
      connectionMonitor: { enabled: false },
      services: {
        identify: (parts) => identify({ runOnConnectionOpen: false })(guardComponents(parts, isMember)),
        ...(gossip ? { gossip: (parts) => gossip(guardComponents(parts, isMember)) } : {}),
      },
    }
  }

  #gater(): ConnectionGater {
    const denied = (peer: PeerId) => {
      const isDenied = !this.#init.isAllowed(peer.toString())
      if (isDenied) this.#log.debug({ peer: peer.toString() }, 'refused a peer that is not in the allow-list')
      return isDenied
    }
    return {
      denyDialPeer: denied,
      denyInboundEncryptedConnection: denied,
      denyOutboundEncryptedConnection: denied,
      // Addresses come from the cluster config alone: a peer cannot make this node dial anything.
      filterMultiaddrForPeer: () => false,
    }
  }

  async #register(protocolId: string, maxInboundStreams: number, handler: StreamHandler): Promise<void> {
    const onStream = (stream: Stream, connection: Connection) => handler(this.#linkOf(connection), stream)
    await this.#running.handle(protocolId, onStream, { maxInboundStreams })
  }

  #linkOf(connection: Connection): Link {
    let link = this.#known.get(connection)
    if (!link) this.#known.set(connection, (link = new Link(connection)))
    return link
  }

  #opened(connection: Connection): void {
    const link = this.#linkOf(connection)
    this.#open.add(link)
    this.emit('open', link)
  }

  #closed(connection: Connection): void {
    const link = this.#linkOf(connection)
    if (this.#open.delete(link)) this.emit('close', link)
  }
}
