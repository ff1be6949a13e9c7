/** What operators do to the cluster's membership (R10), behind the operator port: the only door for api/. */
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import { isOpen } from '../../cluster/membership/cluster-config.ts'
import { encodeInvite, mintSecret, secretHash } from '../../cluster/membership/invite-token.ts'
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
  membership: Pick<Membership, 'plan' | 'setVoters' | 'abort' | 'putNode' | 'addInvite'>
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

export interface InviteDocument {
  /** Secret: whoever has it may join once. */
  token: string
  /** ISO time. */
  expiresAt: string
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

  /** Throws NO_QUORUM, MEMBERSHIP_REFUSED when too many invites are open. */
  async invite(validMs: number): Promise<InviteDocument> {
    const { membership, config, clock, random, events, self } = this.#components
    const secret = mintSecret(random)
    const expiresAtMs = clock.wallMs() + validMs
    await membership.addInvite(secretHash(secret), expiresAtMs)
    const { clusterId, nodes, voters } = config.current()
    const hosts = nodes.filter(({ id }) => voters.includes(id)).map(({ id, address }) => ({ id, address }))
    const token = encodeInvite({ clusterId, hosts, secret, expiresAtMs })
    const expiresAt = new Date(expiresAtMs).toISOString()
    const text = `An operator has made an invite, valid until ${expiresAt}.`
    events.note({ kind: 'INVITE_MADE', severity: 'info', who: self, text })
    return { token, expiresAt }
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
