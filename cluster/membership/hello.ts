/** What two nodes tell each other right after they connect, and when they must not go on. */
import type { NodeId } from '../network/rpc-port.ts'
import { isPlainObject } from '../network/rpc-messages.ts'

/** The network packages of a node, as far as they decide whether two nodes understand each other. */
export interface WireVersions {
  /** Name and version of the installed package. */
  libp2p: string
  gossipsub: string
  /** Gossip protocol ids that the node speaks. */
  gossipProtocols: string[]
}

export interface Hello {
  clusterId: string
  epoch: number
  nodeId: NodeId
  /** New at every process start (identity.ts). */
  startNonce: string
  dbUuid: string
  /** Release of Serac. */
  version: string
  wire: WireVersions
  /** What its release understands. */
  featureLevel: number
  apiUrl: string
  /** Bulk plane, `host:port`. */
  bulkAddress: string
  /** Control plane, `host:port`, where others should dial. */
  controlAddress: string
}

/** Why a peer is not let in. */
export interface RefusalReason {
  code: 'FOREIGN_CLUSTER' | 'NOT_A_MEMBER' | 'INCOMPATIBLE_PEER' | 'DUPLICATE_IDENTITY' | 'BAD_FRAME'
  message: string
}

/** Both sides send theirs: the answer also carries why the link is refused, if it is. */
export interface HelloAnswer {
  hello: Hello
  refusal: RefusalReason | null
}

/** Texts of a hello are names, ids and addresses. */
const TEXT_LENGTH_MAX = 512
const GOSSIP_PROTOCOLS_MAX = 32
const REFUSAL_CODES: readonly string[] = [
  'FOREIGN_CLUSTER',
  'NOT_A_MEMBER',
  'INCOMPATIBLE_PEER',
  'DUPLICATE_IDENTITY',
  'BAD_FRAME',
]
const REFUSAL_LENGTH_MAX = 2048

/** The hello in a decoded message, or null. Fields that this release does not know are left out. */
export function parseHello(value: unknown): Hello | null {
  if (!isPlainObject(value) || !isPlainObject(value['wire'])) return null
  const { clusterId, nodeId, startNonce, dbUuid, version, apiUrl, bulkAddress, controlAddress } = value
  const { epoch, featureLevel } = value
  const { libp2p, gossipsub, gossipProtocols } = value['wire']
  if (!isText(clusterId) || !isText(nodeId) || !isText(startNonce) || !isText(dbUuid) || !isText(version))
    return null
  if (!isText(apiUrl) || !isText(bulkAddress) || !isText(controlAddress)) return null
  if (!isCount(epoch) || !isCount(featureLevel) || !isText(libp2p) || !isText(gossipsub)) return null
  if (!Array.isArray(gossipProtocols) || gossipProtocols.length > GOSSIP_PROTOCOLS_MAX) return null
  if (!gossipProtocols.every(isText)) return null
  const wire = { libp2p, gossipsub, gossipProtocols }
  const addresses = { apiUrl, bulkAddress, controlAddress }
  return { clusterId, epoch, nodeId, startNonce, dbUuid, version, wire, featureLevel, ...addresses }
}

export function parseHelloAnswer(value: unknown): HelloAnswer | null {
  if (!isPlainObject(value)) return null
  const hello = parseHello(value['hello'])
  const refusal = value['refusal'] === null ? null : parseRefusal(value['refusal'])
  return hello && refusal !== undefined ? { hello, refusal } : null
}

/**
 * Whether the peer behind `theirs` may be let in by the node of `ours`; the rule gives both sides the same answer.
 * `levelInForce`: the config's.
 */
export function judgeHello(ours: Hello, theirs: Hello, levelInForce: number): RefusalReason | null {
  if (theirs.clusterId !== ours.clusterId) {
    const message =
      `node ${theirs.nodeId} belongs to cluster ${theirs.clusterId}, this node to cluster ${ours.clusterId}: ` +
      `remove it from this cluster's config, or join it again with an invite of this cluster`
    return { code: 'FOREIGN_CLUSTER', message }
  }
  const older = [theirs, ours].find(({ featureLevel }) => featureLevel < levelInForce)
  if (older) return { code: 'INCOMPATIBLE_PEER', message: tooOld(older, levelInForce) }
  const shared = ours.wire.gossipProtocols.some((id) => theirs.wire.gossipProtocols.includes(id))
  if (shared) return null
  const message =
    `node ${theirs.nodeId} runs ${describeWire(theirs.wire)}, this node ${describeWire(ours.wire)}: they share no ` +
    `gossip protocol; install the same release of Serac on both with npm ci`
  return { code: 'INCOMPATIBLE_PEER', message }
}

function tooOld({ nodeId, version, featureLevel }: Hello, levelInForce: number): string {
  return (
    `node ${nodeId} runs release ${version}, which understands feature level ${featureLevel}, and this cluster ` +
    `uses level ${levelInForce}: install the release of the others there`
  )
}

function describeWire({ libp2p, gossipsub, gossipProtocols }: WireVersions): string {
  return `${libp2p} with ${gossipsub} (${gossipProtocols.join(', ') || 'no gossip'})`
}

function parseRefusal(value: unknown): RefusalReason | undefined {
  if (!isPlainObject(value)) return undefined
  const { code, message } = value
  if (typeof code !== 'string' || !REFUSAL_CODES.includes(code) || typeof message !== 'string')
    return undefined
  return { code: code as RefusalReason['code'], message: message.slice(0, REFUSAL_LENGTH_MAX) }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
