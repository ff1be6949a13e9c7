/**
 * The control plane of a node: host, requests, links to every member, liveness and hints, composed and started in order.
 * Everything else of the daemon talks to other nodes through what this class hands out.
 */
import { EventEmitter } from 'node:events'
import { gossipService } from '../gossip/gossipsub.ts'
import { Hints } from '../gossip/hints.ts'
import { Host } from '../network/host.ts'
import type { NodeIdentity } from '../network/identity.ts'
import { describePackage, GOSSIPSUB, LIBP2P } from '../network/installed-packages.ts'
import { Rpc, type RpcInit } from '../network/rpc.ts'
import type { NodeId, PeerRpc } from '../network/rpc-port.ts'
import type { Clock, Log, Random } from '../runtime.ts'
import { Admission } from './admission.ts'
import type { ConfigView } from './cluster-config.ts'
import { Dialer } from './dialer.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { FEATURE_LEVEL } from './feature-level.ts'
import type { Hello, WireVersions } from './hello.ts'
import { Liveness, type LivenessTimes } from './liveness.ts'
import { PeerTable } from './peer-table.ts'
import { type Refusal, Refusals } from './refusals.ts'

export interface ControlPlaneComponents {
  identity: NodeIdentity
  config: ConfigView
  clock: Clock
  random: Random
  log: Log
}

/** What a node tells its peers about itself, beyond identity and config. */
export type NodeFacts = Pick<Hello, 'dbUuid' | 'version' | 'apiUrl' | 'bulkAddress' | 'controlAddress'>

export interface ControlPlaneInit {
  /** `host:port`; port 0 = any free one. */
  listen: string
  /** Asked for every hello. */
  facts(): NodeFacts
  /** Rides on every heartbeat answer; small. */
  describe(): unknown
  /** See RpcInit. */
  onNewerEpoch?(from: NodeId, epoch: number): Promise<void>
  /** For tests. */
  wire?: WireVersions
  livenessTimes?: Partial<LivenessTimes>
  fallbackDelayMs?: number
}

/** `linked`: a peer can be reached (again), e.g. catch up with it now. `lost`: it cannot. */
export class ControlPlane extends EventEmitter<{ linked: [NodeId]; lost: [NodeId] }> {
  readonly rpc: PeerRpc
  readonly liveness: Liveness
  readonly hints: Hints
  /** Also the address book: `peers.hello(id)` has bulk address and API URL. */
  readonly peers: PeerTable
  readonly #components: ControlPlaneComponents
  readonly #init: ControlPlaneInit
  readonly #host: Host
  readonly #rpc: Rpc
  readonly #dialer: Dialer
  readonly #refusals: Refusals
  readonly #packages = { libp2p: describePackage(LIBP2P), gossipsub: describePackage(GOSSIPSUB) }

  constructor(components: ControlPlaneComponents, init: ControlPlaneInit) {
    super()
    this.#components = components
    this.#init = init
    const { identity, config, clock, log } = components
    const door = new Doorkeeper({ config, clock, linked: () => this.#host.links.map(({ peer }) => peer) })
    const isAllowed = (peer: NodeId) => door.mayEnter(peer)
    const isMember = (peer: NodeId) => door.isMember(peer)
    const ownId = identity.id
    this.#host = new Host(
      { identity, log },
      { listen: init.listen, isAllowed, isMember, gossip: gossipService() },
    )
    this.peers = new PeerTable(ownId, { config, clock })
    this.#rpc = new Rpc({ host: this.#host, clock, log }, this.#rpcInit(isMember))
    this.rpc = this.#rpc
    this.#refusals = new Refusals({ clock, log })
    this.hints = new Hints(components)
    const parts = {
      ...components,
      host: this.#host,
      rpc: this.#rpc,
      peers: this.peers,
      refusals: this.#refusals,
      isMember,
    }
    this.liveness = new Liveness(parts, {
      ownId,
      startNonce: identity.startNonce,
      describe: () => init.describe(),
      times: init.livenessTimes ?? {},
    })
    const admission = new Admission(parts, () => this.#ownHello())
    this.#dialer = new Dialer(
      { ...parts, admission },
      {
        ownId,
        isAllowed,
        isMember,
        ...(init.fallbackDelayMs === undefined ? {} : { fallbackDelayMs: init.fallbackDelayMs }),
      },
    )
    this.#host.on('close', (link) => this.peers.linkClosed(link))
    this.peers.on('linked', (id) => this.emit('linked', id))
    this.peers.on('lost', (id) => this.emit('lost', id))
  }

  /** Where the control plane listens, with the real port. */
  get address(): string {
    return this.#host.address
  }

  /** Peers that were not let in since start and still are not, for status. */
  refusals(): Refusal[] {
    return this.#refusals.list()
  }

  async start(): Promise<void> {
    await this.#host.start()
    const { gossip } = this.#host
    if (gossip) this.hints.start(gossip, this.#components.config.current().clusterId)
    this.liveness.start()
    this.#dialer.start()
  }

  async stop(): Promise<void> {
    await this.#dialer.stop()
    this.liveness.stop()
    this.hints.stop()
    this.#rpc.stop()
    await this.#host.stop()
  }

  #rpcInit(isMember: (peer: NodeId) => boolean): RpcInit {
    const { config } = this.#components
    return {
      clusterId: () => config.current().clusterId,
      epoch: () => config.current().epoch,
      isMember,
      linkTo: (peer) => this.peers.linkTo(peer),
      onNewerEpoch: async (from, epoch) => this.#init.onNewerEpoch?.(from, epoch),
    }
  }

  #ownHello(): Hello {
    const { identity, config } = this.#components
    const { clusterId, epoch } = config.current()
    const wire = this.#init.wire ?? { ...this.#packages, gossipProtocols: this.#host.gossip?.protocols ?? [] }
    const { id: nodeId, startNonce } = identity
    return { clusterId, epoch, nodeId, startNonce, wire, featureLevel: FEATURE_LEVEL, ...this.#init.facts() }
  }
}
