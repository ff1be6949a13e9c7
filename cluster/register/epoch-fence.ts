/**
 * Every request between registers carries the asker's epoch (rule R10) and the identity of its database (R8). A lower
 * epoch is refused with the newer config, which the asker takes; a higher one is fetched and made durable before the
 * request is answered. So whoever got an answer under an epoch knows that this voter does nothing under an older one.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { NodeId, PeerRpc, RpcOptions } from '../network/rpc-port.ts'
import { configIn } from './config-register.ts'
import type { CurrentConfig } from './current-config.ts'
import { valueDigest } from './register-value.ts'
import type { LearnerRow, RegisterStorage, VoterIdentity } from './storage.ts'
import { isBallot, isCount, isText } from './message-shapes.ts'

/** What travels: the request itself is `body`. */
export interface FencedRequest {
  epoch: number
  identity: VoterIdentity
  body: unknown
}

/** Serves a request that was asked under the epoch in force. */
export type FencedHandler = (body: unknown, epoch: number, from: NodeId) => Promise<unknown>

type FencedProtocol = 'votes' | 'catch-up'

export interface EpochFenceComponents {
  self: NodeId
  rpc: PeerRpc
  config: CurrentConfig
  storage: RegisterStorage
}

/** Asked without a fence: the answer is the config itself. */
const CONFIG_REQUEST = 'config'
const FETCH_TIMEOUT_MS = 1000

export class EpochFence {
  readonly #components: EpochFenceComponents
  /** One at a time: many requests of a newer epoch arrive together. */
  #fetching: Promise<void> | null = null

  constructor(components: EpochFenceComponents) {
    this.#components = components
  }

  /**
   * Asks a node under `epoch`. Rejects as the control plane does, and with STALE_EPOCH when the node knows a newer one,
   * which is in force here by then.
   */
  async ask(
    to: NodeId,
    protocol: FencedProtocol,
    body: unknown,
    epoch: number,
    options: RpcOptions,
  ): Promise<unknown> {
    const { rpc, config, storage } = this.#components
    const request: FencedRequest = { epoch, identity: storage.identity(), body }
    try {
      return await rpc.request(to, protocol, request, options)
    } catch (error) {
      const row = hasCode(error, 'STALE_EPOCH') ? parseConfigRow(error.fields['config']) : null
      if (row) await config.adopt(row)
      throw error
    }
  }

  /** Sets the handler of a protocol; it is called for requests of the epoch in force alone. */
  serve(protocol: FencedProtocol, handler: FencedHandler): void {
    this.#components.rpc.handle(protocol, async (from, request) => {
      if (request === CONFIG_REQUEST) return this.#components.config.row()
      const { epoch, identity, body } = parseFenced(request)
      if (from !== this.#components.self) this.#components.storage.noteWitness(from, identity)
      await this.#reach(from, epoch)
      this.assertCurrent(epoch)
      return handler(body, epoch, from)
    })
  }

  /** Throws STALE_EPOCH unless `epoch` is in force at this very moment. */
  assertCurrent(epoch: number): void {
    const { config } = this.#components
    const { epoch: current } = config.current()
    if (epoch === current) return
    const message = `the request is of epoch ${epoch}, the cluster config of epoch ${current} is in force`
    throw new ClusterError('STALE_EPOCH', message, { config: config.row() })
  }

  /** Takes the config that `from` has. Does nothing when it is not newer. */
  async fetch(from: NodeId): Promise<void> {
    const { rpc, config } = this.#components
    const answer = await rpc.request(from, 'catch-up', CONFIG_REQUEST, { timeoutMs: FETCH_TIMEOUT_MS })
    const row = parseConfigRow(answer)
    if (row) await config.adopt(row)
  }

  /** Resolves when `epoch`, or a newer one, is durably in force here. */
  async #reach(from: NodeId, epoch: number): Promise<void> {
    const { config } = this.#components
    while (epoch > config.current().epoch) {
      this.#fetching ??= this.fetch(from).finally(() => {
        this.#fetching = null
      })
      const before = config.current().epoch
      await this.#fetching
      if (config.current().epoch === before)
        throw new ClusterError(
          'BAD_FRAME',
          `node ${from} speaks of epoch ${epoch} but does not have its config`,
        )
    }
    await config.durable()
  }
}

function parseFenced(request: unknown): FencedRequest {
  const { epoch, identity, body } = (request ?? {}) as Record<string, unknown>
  const { dbUuid, voteSequence } = (identity ?? {}) as Record<string, unknown>
  if (!isCount(epoch) || !isText(dbUuid) || !isCount(voteSequence))
    throw new ClusterError('BAD_FRAME', 'the request lacks epoch or identity')
  return { epoch, identity: { dbUuid, voteSequence }, body }
}

/** Null for what is no settled, undamaged row of the config register. */
export function parseConfigRow(value: unknown): LearnerRow | null {
  const row = (value ?? {}) as Partial<LearnerRow>
  if (!isBallot(row.ballot) || !(row.value instanceof Uint8Array) || row.settled !== true) return null
  if (valueDigest(row.value) !== row.digest) return null
  const { epoch } = configIn({ value: row.value })
  return isCount(epoch) ? { ballot: row.ballot, value: row.value, digest: row.digest, settled: true } : null
}
