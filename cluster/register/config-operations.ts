/**
 * The changes of the cluster config (rule R10), evaluated inside its register: each makes one next epoch. Voters change
 * only through a joint config, in which every quorum needs a majority of the old and of the new set.
 */
import { isOpen, REVOKED, type ClusterConfig } from '../membership/cluster-config.ts'
import type { Invite, MemberNode } from '../membership/cluster-config.ts'
import { DRAIN_LEVEL } from '../membership/feature-level.ts'
import { inviteId } from '../membership/invite-token.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { storageNodes } from '../placement/placement-policy.ts'
import { VOTER_COUNTS } from './config-register.ts'
import type { Decision, Operation, OperationTable } from './operations.ts'

/** Writes the genesis once; afterwards it changes nothing. Args: ClusterConfig. */
export const BOOTSTRAP = 'config.bootstrap'
/** Names the database whose votes count for a voter (R8). Args: { node, dbUuid }. */
export const CLAIM = 'config.claim'
/** Takes in a node that does not vote yet, or changes what is said of one. Args: { member }. */
export const PUT_NODE = 'config.put-node'
/** Args: { node, drained }. The last node that holds images stays one. Needs feature level DRAIN_LEVEL everywhere. */
export const SET_DRAINED = 'config.set-drained'
/** Puts a feature level in force. Args: { level }. All members must understand it. */
export const RAISE_LEVEL = 'config.raise-level'
/** Args: { node, epoch: under which it was found safe, or null }. A voter must be voted out first. */
export const REMOVE_NODE = 'config.remove-node'
/**
 * Begins a change of the voters. Args: { voters, databases: of those that join, as far as known }; the others claim their
 * places.
 */
export const BEGIN_JOINT = 'config.begin-joint'
/** Ends it: the new voters alone. Args: { voters, databases: those that the rescan counted }. */
export const FINISH_JOINT = 'config.finish-joint'
/** Gives it up: the old voters alone. Args: { voters: those that were to come }. */
export const ABORT_JOINT = 'config.abort-joint'
/** Args: { invite, nowMs }. Expired ones go. */
export const ADD_INVITE = 'config.add-invite'
/** Nobody may join by it any more. Args: { id: as `inviteId` has it }. */
export const REVOKE_INVITE = 'config.revoke-invite'
/** Takes in the node that showed the secret, and uses the invite up. Args: { secretHash, member, nowMs }. */
export const REDEEM_INVITE = 'config.redeem-invite'

/** Invites open at once. More than this many nodes never join in one hour. */
export const INVITES_MAX = 32
/** Former members that are remembered: a node that was away for long must still be told. 52 bytes each. */
const REMOVED_MAX = 100

/** Null: it stays as it is. Throws Refused. */
type Change<A> = (config: ClusterConfig, args: A) => Partial<ClusterConfig> | null

/** Thrown inside a change: becomes a refusal with code MEMBERSHIP_REFUSED. */
class Refused extends Error {}

const claim: Change<{ node: NodeId; dbUuid: string }> = (config, { node, dbUuid }) => {
  memberOf(config, node)
  if (config.databases[node] === dbUuid) return null
  return { databases: { ...config.databases, [node]: dbUuid } }
}

const putNode: Change<{ member: MemberNode }> = (config, { member }) => {
  const known = config.nodes.find(({ id }) => id === member.id)
  if (known && member.role !== known.role && (known.role === 'voter' || member.role === 'voter'))
    throw new Refused(`${member.id} becomes or stops being a voter only through a change of the voters`)
  if (!known && member.role === 'voter') throw new Refused(`${member.id} must join as a storage node first`)
  const others = config.nodes.filter(({ id }) => id !== member.id)
  const { drained: _drained, ...told } = member
  const next = known?.drained ? { ...told, drained: true as const } : told
  const removed = config.removed.filter((id) => id !== member.id)
  return { nodes: [...others, next].toSorted((a, b) => (a.id < b.id ? -1 : 1)), removed }
}

const setDrained: Change<{ node: NodeId; drained: boolean }> = (config, { node, drained }) => {
  const { drained: isDrained, ...member } = memberOf(config, node)
  if (Boolean(isDrained) === drained) return null
  if (drained && isLastHolder(config, node))
    throw new Refused(`${node} is the last node that holds images: let another one join first`)
  const next: MemberNode = drained ? { ...member, drained: true } : member
  const nodes = config.nodes.map((each) => (each.id === node ? next : each))
  return { nodes, featureLevel: Math.max(config.featureLevel, DRAIN_LEVEL) }
}

const raiseLevel: Change<{ level: number }> = (config, { level }) =>
  level > config.featureLevel ? { featureLevel: level } : null

const removeNode: Change<{ node: NodeId; epoch?: number | null }> = (config, { node, epoch = null }) => {
  if (!config.nodes.some(({ id }) => id === node)) return null
  // Another node that left meanwhile may have held what this one holds.
  if (epoch !== null && epoch !== config.epoch)
    throw new Refused('the cluster config has changed meanwhile: look again whether it can go')
  if (config.voters.includes(node) || config.joint?.includes(node))
    throw new Refused(`${node} votes: choose other voters first`)
  if (isLastHolder(config, node))
    throw new Refused(`${node} is the last node that holds images: undrain another one first`)
  const removed = [...config.removed.filter((id) => id !== node), node].slice(-REMOVED_MAX)
  return { nodes: config.nodes.filter(({ id }) => id !== node), removed }
}

const beginJoint: Change<{ voters: NodeId[]; databases: Record<NodeId, string> }> = (config, args) => {
  const voters = args.voters.toSorted()
  if (config.joint && sameSet(config.joint, voters)) return null
  if (config.joint)
    throw new Refused('another change of the voters is under way: finish it or give it up first')
  if (sameSet(config.voters, voters)) return null
  if (!VOTER_COUNTS.includes(voters.length) || new Set(voters).size !== voters.length)
    throw new Refused(`${voters.length} voters: there can be 1, 3, 5 or 7 different ones`)
  for (const voter of voters) {
    if (memberOf(config, voter).role === 'edge') throw new Refused(`${voter} is an edge node: it cannot vote`)
  }
  const joining = voters.filter((voter) => !config.voters.includes(voter))
  const named = joining.flatMap((voter) => {
    const dbUuid = args.databases[voter]
    return dbUuid === undefined ? [] : [[voter, dbUuid] as const]
  })
  const databases = { ...config.databases, ...Object.fromEntries(named) }
  return { joint: voters, databases }
}

const finishJoint: Change<{ voters: NodeId[]; databases: Record<NodeId, string> }> = (config, args) => {
  const { voters, databases } = args
  if (!config.joint && sameSet(config.voters, voters)) return null
  if (!config.joint || !sameSet(config.joint, voters))
    throw new Refused('that change of the voters is not under way')
  // Who lost what the rescan gave it may be one of the majority that holds a register.
  const renewed = voters.filter(
    (voter) => databases[voter] !== undefined && databases[voter] !== config.databases[voter],
  )
  if (renewed.length > 0)
    throw new Refused(`${renewed.join(', ')} gave up votes since the registers were looked at: do so again`)
  return withVoters(config, config.joint)
}

const abortJoint: Change<{ voters: NodeId[] }> = (config, { voters }) => {
  if (!config.joint) return null
  if (!sameSet(config.joint, voters)) throw new Refused('another change of the voters is under way')
  return withVoters(config, config.voters)
}

const addInvite: Change<{ invite: Invite; nowMs: number }> = (config, { invite, nowMs }) => {
  const valid = config.invites.filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  if (valid.some(({ secretHash }) => secretHash === invite.secretHash)) return null
  // Those that were revoked are kept for whoever shows one to be told so, as long as there is room.
  const kept = valid.length < INVITES_MAX ? valid : valid.filter(({ usedBy }) => usedBy !== REVOKED)
  if (kept.length >= INVITES_MAX)
    throw new Refused(`${kept.length} invites have not expired yet: wait until one does, or revoke one`)
  return { invites: [...kept, invite] }
}

const revokeInvite: Change<{ id: string }> = (config, { id }) => {
  const named = config.invites.filter((invite) => inviteId(invite) === id)
  if (named.length === 0) throw new Refused(`there is no invite ${id}, or it has expired`)
  const used = named.find(({ usedBy }) => usedBy !== null && usedBy !== REVOKED)
  if (used)
    throw new Refused(
      `node ${used.usedBy} has joined by invite ${id} already: remove that node if it is a stranger`,
    )
  if (named.every(({ usedBy }) => usedBy === REVOKED)) return null
  const invites = config.invites.map((each) => (named.includes(each) ? { ...each, usedBy: REVOKED } : each))
  return { invites }
}

const redeemInvite: Change<{ secretHash: string; member: MemberNode; nowMs: number }> = (config, args) => {
  const { secretHash, member, nowMs } = args
  const shown = config.invites.find((known) => known.secretHash === secretHash && known.expiresAtMs > nowMs)
  const isKnown = config.nodes.some(({ id }) => id === member.id)
  // The answer to its first try was lost, or it crashed before it had kept it.
  if (shown?.usedBy === member.id && isKnown) return null
  if (shown?.usedBy === REVOKED) throw new Refused('an operator has revoked this invite: ask for a new one')
  if (!shown || !isOpen(shown, nowMs))
    throw new Refused('the invite is unknown, was used already, or has expired: ask for a new one')
  if (isKnown)
    throw new Refused(`${member.id} belongs to the cluster already: remove it first if it lost its disk`)
  const invites = config.invites.map((known) => (known === shown ? { ...shown, usedBy: member.id } : known))
  return { ...putNode(config, { member }), invites }
}

/** Who votes has role voter, who no longer does stores on; nobody else's database is named. */
function withVoters(config: ClusterConfig, voters: NodeId[]): Partial<ClusterConfig> {
  const nodes = config.nodes.map((node) => {
    if (voters.includes(node.id)) return { ...node, role: 'voter' as const }
    return node.role === 'voter' ? { ...node, role: 'storage' as const } : node
  })
  const databases = Object.fromEntries(Object.entries(config.databases).filter(([id]) => voters.includes(id)))
  return { voters, joint: null, nodes, databases }
}

function isLastHolder(config: ClusterConfig, node: NodeId): boolean {
  return storageNodes(config).every(({ id }) => id === node)
}

function memberOf(config: ClusterConfig, id: NodeId): MemberNode {
  const member = config.nodes.find((node) => node.id === id)
  if (!member) throw new Refused(`${id} is no member of this cluster: let it join first`)
  return member
}

function sameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}

function operation<A>(change: Change<A>): Operation {
  return (current, args): Decision => {
    if (!current)
      return refuse('the cluster config is not written yet: wait until a majority of voters is up')
    const config = current.record as ClusterConfig
    try {
      const changed = change(config, args as A)
      if (!changed) return { kind: 'keep' }
      const record: ClusterConfig = { ...config, ...changed, epoch: config.epoch + 1 }
      return { kind: 'write', next: { live: true, record } }
    } catch (error) {
      if (error instanceof Refused) return refuse(error.message)
      throw error
    }
  }
}

function refuse(message: string): Decision {
  return { kind: 'refuse', refusal: { code: 'MEMBERSHIP_REFUSED', message } }
}

const bootstrap: Operation = (current, args) =>
  current ? { kind: 'keep' } : { kind: 'write', next: { live: true, record: args } }

export const configOperations: OperationTable = {
  [BOOTSTRAP]: bootstrap,
  [CLAIM]: operation(claim),
  [PUT_NODE]: operation(putNode),
  [SET_DRAINED]: operation(setDrained),
  [RAISE_LEVEL]: operation(raiseLevel),
  [REMOVE_NODE]: operation(removeNode),
  [BEGIN_JOINT]: operation(beginJoint),
  [FINISH_JOINT]: operation(finishJoint),
  [ABORT_JOINT]: operation(abortJoint),
  [ADD_INVITE]: operation(addInvite),
  [REVOKE_INVITE]: operation(revokeInvite),
  [REDEEM_INVITE]: operation(redeemInvite),
}
