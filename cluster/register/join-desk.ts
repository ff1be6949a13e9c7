/**
 * Lets nodes in that show an invite (R10), and gives them the cluster config to start with. Served to anybody who gets
 * through the handshake: a secret that is not open here costs a hash and no round of votes.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { MemberNode } from '../membership/cluster-config.ts'
import { secretHash } from '../membership/invite-token.ts'
import { parseHostPort } from '../network/address.ts'
import type { NodeId, PeerRpc } from '../network/rpc-port.ts'
import type { Clock, Log } from '../runtime.ts'
import type { CurrentConfig } from './current-config.ts'
import type { Membership } from './membership.ts'
import type { LearnerRow } from './storage.ts'

/** What a node that joins asks for. It may not vote yet. */
export interface JoinRequest {
  secret: Uint8Array
  role: 'storage' | 'edge'
  address: string
  zone: string | null
  weight: number
}

export interface JoinDeskComponents {
  rpc: PeerRpc
  clock: Clock
  log: Log
  config: CurrentConfig
  membership: Pick<Membership, 'redeemInvite'>
}

/** Wrong secrets in a minute before the desk closes for the rest of it: nobody mistypes a token more often. */
const REFUSALS_PER_MINUTE_MAX = 20
const MINUTE_MS = 60_000
/** Largest weight and longest text that a member may bring along. */
const WEIGHT_MAX = 1000
const TEXT_LENGTH_MAX = 255

export class JoinDesk {
  readonly #components: JoinDeskComponents
  #refused = 0
  /** Monotonic; since when `#refusedSince` counts. */
  #minuteBeganMs = 0
  #refusedInMinute = 0

  constructor(components: JoinDeskComponents) {
    this.#components = components
    components.rpc.handle('admission', (from, request) => this.#serve(from, request))
  }

  /** Requests to join that were refused since this node started. */
  get refused(): number {
    return this.#refused
  }

  async #serve(from: NodeId, request: unknown): Promise<LearnerRow> {
    try {
      this.#assertPatience()
      return await this.#admit(from, parseJoinRequest(request))
    } catch (error) {
      this.#note(from, error)
      throw error
    }
  }

  async #admit(from: NodeId, { secret, ...rest }: JoinRequest): Promise<LearnerRow> {
    const { config, membership, log } = this.#components
    const hash = secretHash(secret)
    if (!config.current().invites.some((known) => known.secretHash === hash))
      throw new ClusterError(
        'MEMBERSHIP_REFUSED',
        'the invite is unknown, was used already, or has expired: ask for a new one',
      )
    const member: MemberNode = { id: from, ...rest }
    await membership.redeemInvite(hash, member)
    const row = config.row()
    if (!row) throw new ClusterError('NO_QUORUM', 'the cluster config is not written yet')
    log.info({ peer: from, role: member.role, address: member.address }, 'a node has joined')
    return row
  }

  #assertPatience(): void {
    const nowMs = this.#components.clock.monotonicMs()
    if (nowMs - this.#minuteBeganMs >= MINUTE_MS) {
      this.#minuteBeganMs = nowMs
      this.#refusedInMinute = 0
    }
    if (this.#refusedInMinute < REFUSALS_PER_MINUTE_MAX) return
    throw new ClusterError('PEER_BUSY', 'too many wrong invites were shown: wait a minute')
  }

  #note(from: NodeId, error: unknown): void {
    if (!hasCode(error, 'MEMBERSHIP_REFUSED', 'BAD_FRAME', 'PEER_BUSY')) return
    this.#refused++
    this.#refusedInMinute++
    this.#components.log.warn({ peer: from, why: error.message }, 'a node was not let in')
  }
}

/** Throws BAD_FRAME. */
function parseJoinRequest(request: unknown): JoinRequest {
  const { secret, role, address, zone, weight } = (request ?? {}) as Record<string, unknown>
  const isFormed =
    secret instanceof Uint8Array &&
    (role === 'storage' || role === 'edge') &&
    isAddress(address) &&
    (zone === null || isName(zone)) &&
    typeof weight === 'number' &&
    weight > 0 &&
    weight <= WEIGHT_MAX
  if (!isFormed) throw new ClusterError('BAD_FRAME', 'a request to join is malformed')
  return { secret, role, address, zone, weight }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LENGTH_MAX
}

function isAddress(value: unknown): value is string {
  if (!isName(value)) return false
  try {
    parseHostPort(value)
    return true
  } catch {
    return false
  }
}
