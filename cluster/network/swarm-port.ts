/**
 * Encrypted connections between nodes that know nothing of each other but a topic: how a node without a cluster finds one.
 * Who is at the other end is nobody's word; whoever uses a channel has to ask for a proof that is bound to it.
 */

/** One connection. Both sides may send a few small messages; a longer one closes it. */
export interface SwarmChannel {
  /** The same at both ends and never that of another connection: somebody in the middle has two different ones. */
  readonly binding: Uint8Array
  send(message: Uint8Array): void
  /** The next message. Rejects with PEER_UNREACHABLE when the channel was closed, or nothing came in time. */
  receive(timeoutMs: number): Promise<Uint8Array>
  /** At once, or, where something was sent, when it has arrived. */
  close(): void
}

export interface SwarmOptions {
  /** Nodes of the distributed hash table that are asked first, `host:port`. Nobody else's is ever asked. */
  bootstrap: readonly string[]
  /** `host:port` (UDP, IPv4) to listen on; port 0: any free one. */
  listen: string
  /** Others may find the way through this node, also while it is looked for by nobody. */
  isGuide: boolean
  /** Called for each new channel. */
  onChannel: (channel: SwarmChannel) => void
  /** Whether one more stranger is welcome now; asked before anything is kept of one. */
  mayConnect?: () => boolean
}

export interface Swarm {
  /** Be found under exactly these topics (32 bytes each), and say so once more; others are given up. */
  announce(topics: readonly Uint8Array[]): void
  /** Look for others under a topic, once more with each call. Resolves when all that were found have been tried. */
  seek(topic: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Throws an Error for the operator when it cannot listen. */
export type OpenSwarm = (options: SwarmOptions) => Promise<Swarm>

/** The word for the bootstrap nodes that the makers of the hash table run for everybody. */
export const PUBLIC_BOOTSTRAP = 'public'
