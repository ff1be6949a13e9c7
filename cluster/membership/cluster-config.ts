/** The cluster config: who belongs to the cluster, who votes, under which epoch (rules R10 and the bootstrap rule). */
import type { NodeId } from '../network/rpc-port.ts'

/** voter: votes on metadata and holds chunks; storage: holds chunks by placement; edge: only caches. */
export type NodeRole = 'voter' | 'storage' | 'edge'

export interface MemberNode {
  id: NodeId
  /** Where its control plane listens: `host:port`. A hint for the dial loop, never an identity. */
  address: string
  role: NodeRole
  /** Failure domain; null = the node's own id. */
  zone: string | null
  /** Share of the data, relative to the others; > 0. */
  weight: number
  /** It gives its copies to others and is offered no requests, until an operator says otherwise. Absent: false. */
  drained?: true
}

/** Leave to join, once (R10). Whoever knows the secret may use it; the config holds only its hash. */
export interface Invite {
  /** BLAKE3 of the secret, 64 hex digits. */
  secretHash: string
  /** Wall time, ms. Judged by the node that is asked to redeem it. */
  expiresAtMs: number
  /**
   * Who joined by it: that node alone may show it once more, when its join was cut off. REVOKED: nobody may any more.
   * Null while it is open.
   */
  usedBy: NodeId | null
}

/** In place of a node's id, so that releases which know nothing of it take the invite for used. */
export const REVOKED = 'revoked'

export type InviteState = 'open' | 'used' | 'revoked' | 'expired'

export function inviteState({ usedBy, expiresAtMs }: Invite, nowMs: number): InviteState {
  if (usedBy !== null) return usedBy === REVOKED ? 'revoked' : 'used'
  return expiresAtMs > nowMs ? 'open' : 'expired'
}

export function isOpen(invite: Invite, nowMs: number): boolean {
  return inviteState(invite, nowMs) === 'open'
}

export interface ClusterConfig {
  /** 32 hex digits. */
  clusterId: string
  /** Grows by one with every change of the config. */
  epoch: number
  /** The voters of this epoch, in the order of the list. */
  voters: NodeId[]
  /** The voters to come while a joint config is in force (R10), else null. */
  joint: NodeId[] | null
  nodes: MemberNode[]
  /**
   * The database of each voter that is named: a vote from another one does not count (R8). A voter that is not named has
   * never voted. 32 hex digits.
   */
  databases: Record<NodeId, string>
  /** Open invites, and used and revoked ones until they expire. */
  invites: Invite[]
  /** Former members, the latest last: they are told so when they come again. */
  removed: NodeId[]
  /** Operations, fields and frames of a newer level are used only when this allows it. */
  featureLevel: number
}

/** The config in force on this node. Read it at each use: it changes under way. */
export interface ConfigView {
  current(): ClusterConfig
}

/** What this node knows of its peers' life, from heartbeats and links. Proposes only; never decides. */
export interface LivenessView {
  /** This node itself is always alive. */
  isAlive(id: NodeId): boolean
}
