/** The base of every error that Serac throws on purpose, and the codes of the replication substrate. */

/** Codes of `cluster/`. Stable: they stand in logs, on the wire between nodes and in the operator's documents. */
export type ClusterErrorCode =
  /** Fewer than a majority of voters answered: nothing can be decided now. */
  | 'NO_QUORUM'
  /** A majority may or may not have taken the change; the caller must look before it tries again. */
  | 'OUTCOME_UNKNOWN'
  /** The register value would pass its size cap. */
  | 'VALUE_TOO_LARGE'
  /** A node asked for an operation that this node does not know (it runs an older release). */
  | 'UNKNOWN_OPERATION'
  /** This node must not vote now (amnesia, failed disk, not a voter). */
  | 'NOT_VOTING'
  /** The request was made under an older cluster config; `fields.config` is the register row of the newer one (R10). */
  | 'STALE_EPOCH'
  /** Registers were removed since the request was made, so its history may be gone; nothing was done (R4, R9). */
  | 'FLOOR_MOVED'
  /** A change of the cluster's membership that the config in force does not allow. */
  | 'MEMBERSHIP_REFUSED'
  /** A stored value fails its own checksum. */
  | 'CORRUPT_VALUE'
  /** No link to the peer. */
  | 'PEER_UNREACHABLE'
  /** The peer did not answer within the deadline. */
  | 'RPC_TIMEOUT'
  /** Too many requests to this peer (or at it) are under way already. */
  | 'PEER_BUSY'
  /** The message is over the cap of the control plane. */
  | 'MESSAGE_TOO_LARGE'
  /** The peer answered with something that is no valid answer. */
  | 'BAD_FRAME'
  /** The peer belongs to another cluster. */
  | 'FOREIGN_CLUSTER'
  /** The peer is not, or no longer, in the cluster config: it may only ask to be let in (R10). */
  | 'NOT_A_MEMBER'
  /** Two running processes use one node key (R8). */
  | 'DUPLICATE_IDENTITY'
  /** The peer runs network packages that cannot talk to ours. */
  | 'INCOMPATIBLE_PEER'
  /** Gossip between two hosts of this very process does not work: the installed packages do not fit together. */
  | 'GOSSIP_BROKEN'
  /** The chunk is not here. */
  | 'CHUNK_MISSING'
  /** The stored bytes do not hash to the chunk's name. */
  | 'CHUNK_DAMAGED'
  /** No holder could deliver the chunk. */
  | 'CHUNK_UNAVAILABLE'
  /** Too few holders stored a chunk durably. */
  | 'TOO_FEW_COPIES'
  /** The store is full or above its watermark. */
  | 'STORE_FULL'
  /** The store refuses writes after a failed one. */
  | 'STORE_NOT_WRITABLE'
  /** The component is stopping. */
  | 'STOPPING'

/** An error with a stable code. `fields` are facts for the log and the answer; `cause` is what lies below. */
export class SeracError extends Error {
  readonly code: string
  readonly fields: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, fields: Record<string, unknown> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SeracError'
    this.code = code
    this.fields = fields
  }
}

/** Thrown by the replication substrate. */
export class ClusterError extends SeracError {
  declare readonly code: ClusterErrorCode

  // oxlint-disable-next-line no-useless-constructor -- narrows the code's type
  constructor(
    code: ClusterErrorCode,
    message: string,
    fields: Record<string, unknown> = {},
    cause?: unknown,
  ) {
    super(code, message, fields, cause)
    this.name = 'ClusterError'
  }
}

/** What was thrown, as an error: not everything that is thrown is one. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** Whether `error` is one of ours with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): error is SeracError {
  return error instanceof SeracError && codes.includes(error.code)
}
