/**
 * The replication substrate of one node: control plane, registers, bulk plane and the transfer of chunks, composed and
 * started in order. It carries bytes; what they mean is the business of whoever hands in the operations.
 */
import { ControlPlane, type NodeFacts } from './membership/control-plane.ts'
import type { NodeIdentity } from './network/identity.ts'
import { Traffic } from './network/traffic.ts'
import type { CurrentConfig } from './register/current-config.ts'
import type { OperationTable } from './register/operations.ts'
import { Registers } from './register/registers.ts'
import type { RegisterStorage } from './register/storage.ts'
import type { Clock, Log, Random } from './runtime.ts'
import { BulkClient } from './transfer/bulk-client.ts'
import { BulkServer } from './transfer/bulk-server.ts'
import type { ChunkBufferPool } from './transfer/chunk-buffer.ts'
import { ChunkFetcher } from './transfer/chunk-fetcher.ts'
import type { ChunkHasher } from './transfer/chunk-hasher.ts'
import { ChunkHolders } from './transfer/chunk-holders.ts'
import { ChunkReplicator } from './transfer/chunk-replicator.ts'
import type { LocalChunks } from './transfer/local-chunks.ts'

export interface ClusterComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  log: Log
  config: CurrentConfig
  storage: RegisterStorage
  chunks: LocalChunks
  hasher: ChunkHasher
  /** The downloads' share of the byte budget: chunks on their way to clients and to this node's own disk. */
  downloads: ChunkBufferPool
  /** The peers' share: chunks that other nodes send and fetch. */
  peers: ChunkBufferPool
  operations: OperationTable
  /** Why this node must not vote whatever the others say, else null. */
  abstains: () => string | null
}

export interface ClusterOptions {
  bindHost: string
  controlPort: number
  bulkPort: number
  facts(): Pick<NodeFacts, 'version' | 'apiUrl'>
  /** Host under which the others reach this node. */
  advertiseHost: string
  /** Whether this node serves clients at the moment; its heartbeats say so. */
  isBusy(): boolean
}

export class Cluster {
  readonly control: ControlPlane
  readonly registers: Registers
  readonly holders: ChunkHolders
  readonly fetcher: ChunkFetcher
  readonly replicator: ChunkReplicator
  /** Of the bulk plane, in both directions and whoever has dialled. */
  readonly bulkTraffic = new Traffic()
  readonly #peers: ChunkBufferPool
  readonly #bulkServer: BulkServer
  readonly #bulkClient: BulkClient

  constructor(components: ClusterComponents, options: ClusterOptions) {
    const { identity, config, storage, chunks, downloads } = components
    const traffic = this.bulkTraffic
    this.#peers = components.peers
    this.control = new ControlPlane(components, {
      listen: `${options.bindHost}:${options.controlPort}`,
      facts: () => ({
        ...options.facts(),
        dbUuid: storage.identity().dbUuid,
        bulkAddress: `${options.advertiseHost}:${options.bulkPort}`,
        controlAddress: `${options.advertiseHost}:${options.controlPort}`,
      }),
      describe: () => ({ isBusy: options.isBusy() }),
      onNewerEpoch: (from) => this.registers.fetchConfig(from),
    })
    const { rpc, liveness } = this.control
    this.registers = new Registers({
      ...components,
      self: identity.id,
      startNonce: identity.startNonce,
      liveness,
      rpc,
      onCommitted: (key) => this.control.hints.publish({ kind: 'changed', key }),
    })
    const clusterId = () => config.current().clusterId
    const isAllowed = (id: string) => config.current().nodes.some((node) => node.id === id)
    this.#bulkServer = new BulkServer(
      { ...components, local: chunks, pool: components.peers, isAllowed, clusterId, traffic },
      { host: options.bindHost, port: options.bulkPort },
    )
    const addressOf = (id: string) => this.control.peers.hello(id)?.bulkAddress ?? null
    this.#bulkClient = new BulkClient({ ...components, addressOf, clusterId, traffic })
    this.holders = new ChunkHolders({ self: identity.id, local: chunks, bulk: this.#bulkClient })
    this.fetcher = new ChunkFetcher({ ...components, holders: this.holders, pool: downloads, liveness })
    this.replicator = new ChunkReplicator({ ...components, holders: this.holders, fetcher: this.fetcher })
    this.#followNews()
  }

  /** Whether peers send chunks to this node or fetch some from it. */
  get isServingPeers(): boolean {
    return this.#peers.slotsInUse > 0
  }

  /** Whether a peer serves clients, as of its last heartbeat. */
  get arePeersBusy(): boolean {
    const { peers, liveness } = this.control
    return peers.memberIds().some((id) => {
      const { state, info } = liveness.view(id)
      return state === 'alive' && (info as { isBusy?: unknown } | null)?.isBusy === true
    })
  }

  async start(): Promise<void> {
    await this.#bulkServer.start()
    await this.control.start()
    this.registers.start()
  }

  async stop(): Promise<void> {
    this.registers.stop()
    await this.control.stop()
    this.#bulkClient.stop()
    await this.#bulkServer.stop()
  }

  /** Every hint and every link says that a change log may have news. */
  #followNews(): void {
    this.control.on('linked', (peer) => this.registers.follow(peer))
    this.control.hints.onHint((hint, from) => {
      if (hint.kind === 'changed') this.registers.followSoon(from)
    })
  }
}
