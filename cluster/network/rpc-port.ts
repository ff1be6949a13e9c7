/** The port through which registers, membership and status talk to other nodes; `rpc.ts` implements it on libp2p. */

/** A node's identity: the libp2p PeerId of its Ed25519 key, in base58 text. Never an address. */
export type NodeId = string

/**
 * Control-plane protocols. Each has a stream of its own, so that none waits behind another.
 * votes: prepare, accept, read, commit notices, forwarded operations; catch-up: change logs and digests;
 * status: status documents; holding: whether a node holds an image; admission: hello.
 */
export type ControlProtocol = 'votes' | 'catch-up' | 'status' | 'holding' | 'admission'

/** Answers one request. What it throws as a `SeracError` reaches the caller with code, message and fields. */
export type RpcHandler = (from: NodeId, request: unknown) => Promise<unknown>

export interface RpcOptions {
  /** The answer must be here within this time, else RPC_TIMEOUT. */
  timeoutMs: number
  signal?: AbortSignal
}

/**
 * Request and response between nodes. Payloads are plain data that CBOR can carry (numbers, strings, booleans, null,
 * arrays, plain objects, Uint8Array).
 */
export interface PeerRpc {
  /** Sets the one handler of a protocol. */
  handle(protocol: ControlProtocol, handler: RpcHandler): void
  /**
   * Sends `request` and resolves with the answer. Rejects with PEER_UNREACHABLE, RPC_TIMEOUT, BAD_FRAME, or with the
   * error that the peer's handler threw.
   */
  request(to: NodeId, protocol: ControlProtocol, request: unknown, options: RpcOptions): Promise<unknown>
}
