/** What operators do to the cluster's membership (R10), behind the operator port: the only door for api/. */
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import { type InviteState, inviteState, isOpen } from '../../cluster/membership/cluster-config.ts'
import { encodeInvite, inviteId, mintSecret, secretHash } from '../../cluster/membership/invite-token.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import type { Membership, VoterPlan } from '../../cluster/register/membership.ts'
import { sleep, type Clock, type Log, type Random } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { EventLog } from './event-log.ts'
import type { NodeStatus } from './status-types.ts'

export interface ClusterAdminComponents {
  self: NodeId
  clock: Clock
  random: Random
  log: Log
  events: Pick<EventLog, 'note'>
  config: CurrentConfig
  membership: Pick<Membership, 'plan' | 'setVoters' | 'abort' | 'putNode' | 'addInvite' | 'revokeInvite'>
  /** Nodes of the hash table by which invites are found; empty: they name the voters. */
  rendezvous: readonly string[]
  stateOf: (id: NodeId) => NodeStatus['state']
  /** Requests to join that this node has refused since it started. */
  refusedJoins: () => number
}

/** The members, as the config in force at this node says. */
export interface NodesDocument {
  clusterId: string
  epoch: number
  /** The voters to come while they change, else null. */
  joint: NodeId[] | null
  nodes: (MemberNode & { votes: boolean; state: NodeStatus['state'] })[]
  invites: { open: number; refusedJoins: number }
}

/** `planned`: nothing was done. `running`: it goes on by itself, whatever becomes of this node; see the status. */
export interface VoterChange {
  state: 'planned' | 'running' | 'done'
  plan: VoterPlan
}

/** An invite that has not expired, as operators see it: nobody can join by what is here. */
export interface KnownInvite {
  id: string
  state: InviteState
  /** ISO time. */
  expiresAt: string
  /** Who joined by it, of a used one. */
  usedBy: NodeId | null
}

export interface InviteDocument {
  /** What it is called in the list, and when it is revoked. */
  id: string
  /** Secret: whoever has it may join once. */
  token: string
  /** ISO time. */
  expiresAt: string
}

export interface InviteWishes {
  validMs: number
  byAddresses: boolean
}

/** What may be said anew of a member. */
export type MemberChanges = Partial<Pick<MemberNode, 'address' | 'zone' | 'weight'>>

/** A change of an empty or small cluster is over by then; larger ones are followed in the status. */
const ANSWER_AFTER_MS = 1000

export class ClusterAdmin {
  readonly #components: ClusterAdminComponents

  constructor(components: ClusterAdminComponents) {
    this.#components = components
  }

  nodes(): NodesDocument {
    const { config, clock, stateOf, refusedJoins } = this.#components
    const { clusterId, epoch, joint, voters, nodes, invites } = config.current()
    const nowMs = clock.wallMs()
    const open = invites.filter((invite) => isOpen(invite, nowMs)).length
    return {
      clusterId,
      epoch,
      joint,
      nodes: nodes.map((node) => ({ ...node, votes: voters.includes(node.id), state: stateOf(node.id) })),
      invites: { open, refusedJoins: refusedJoins() },
    }
  }

  /** Throws MEMBERSHIP_REFUSED when it cannot be done. */
  planVoters(voters: readonly NodeId[]): VoterChange {
    return { state: 'planned', plan: this.#components.membership.plan(voters) }
  }

  /** Throws MEMBERSHIP_REFUSED, NO_QUORUM while it has not begun; afterwards the voters go on with it by themselves. */
  async setVoters(voters: readonly NodeId[]): Promise<VoterChange> {
    const { membership, log } = this.#components
    const { plan } = this.planVoters(voters)
    const change = membership.setVoters(voters)
    change.catch((error: unknown) => log.warn({ error: String(error) }, 'a change of the voters did not end'))
    return { state: await this.#begin(change), plan }
  }

  /** Not before the change is in force: whoever is told that it runs looks for its end. Rejects when it does not begin. */
  async #begin(change: Promise<void>): Promise<'running' | 'done'> {
    const { clock, config } = this.#components
    for (;;) {
      const isOver = await Promise.race([
        change.then(() => true),
        sleep(clock, ANSWER_AFTER_MS).then(() => false),
      ])
      if (isOver) return 'done'
      if (config.current().joint) return 'running'
    }
  }

  /** Gives a change of the voters up. Throws NO_QUORUM. */
  abortVoters(): Promise<void> {
    return this.#components.membership.abort()
  }

  /** Those that have not expired, the first to do so first. */
  invites(): KnownInvite[] {
    const { config, clock } = this.#components
    const nowMs = clock.wallMs()
    const valid = config.current().invites.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
    return valid
      .toSorted((a, b) => a.expiresAtMs - b.expiresAtMs)
      .map((invite) => {
        const state = inviteState(invite, nowMs)
        const usedBy = state === 'used' ? invite.usedBy : null
        return { id: inviteId(invite), state, expiresAt: new Date(invite.expiresAtMs).toISOString(), usedBy }
      })
  }

  /** Throws NO_QUORUM, MEMBERSHIP_REFUSED for one that is unknown or was used. */
  async revokeInvite(id: string): Promise<void> {
    const { membership, events, self } = this.#components
    await membership.revokeInvite(id)
    const text = `An operator has revoked invite ${id}.`
    events.note({ kind: 'INVITE_REVOKED', severity: 'info', who: self, text })
  }

  /**
   * `byAddresses`: it names the voters, also where it could be found by the rendezvous. Throws NO_QUORUM, MEMBERSHIP_REFUSED
   * when too many invites are open.
   */
  async invite({ validMs, byAddresses }: InviteWishes): Promise<InviteDocument> {
    const { membership, config, clock, random, events, self, rendezvous } = this.#components
    const secret = mintSecret(random)
    const expiresAtMs = clock.wallMs() + validMs
    const hash = secretHash(secret)
    await membership.addInvite(hash, expiresAtMs)
    const { clusterId, nodes, voters } = config.current()
    const hosts = nodes.filter(({ id }) => voters.includes(id)).map(({ id, address }) => ({ id, address }))
    const ways = byAddresses ? { hosts, rendezvous: [] } : { hosts, rendezvous: [...rendezvous] }
    const token = encodeInvite({ clusterId, ...ways, secret, expiresAtMs })
    const expiresAt = new Date(expiresAtMs).toISOString()
    const id = inviteId({ secretHash: hash })
    const text = `An operator has made invite ${id}, valid until ${expiresAt}.`
    events.note({ kind: 'INVITE_MADE', severity: 'info', who: self, text })
    return { id, token, expiresAt }
  }

  /** Throws NOT_FOUND, NO_QUORUM. Answers with the member as it is then. */
  async changeNode(id: NodeId, changes: MemberChanges): Promise<MemberNode> {
    await this.#components.membership.putNode({ ...this.#member(id), ...changes })
    return this.#member(id)
  }

  #member(id: NodeId): MemberNode {
    const member = memberIn(this.#components.config.current(), id)
    if (!member) throw new ImageError('NOT_FOUND', `Node ${id} is no member of this cluster.`)
    return member
  }
}

function memberIn({ nodes }: ClusterConfig, id: NodeId): MemberNode | undefined {
  return nodes.find((node) => node.id === id)
}
