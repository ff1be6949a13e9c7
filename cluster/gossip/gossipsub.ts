/** How Serac uses gossipsub: few trusted peers on authenticated links, small messages that may be lost. */
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { contentHash } from '../content-hash.ts'
import type { GossipFactory } from '../network/host.ts'

/** Larger messages are dropped undecoded. Above the largest batch of hints (16 KiB) with its envelope. */
const INBOUND_BYTES_MAX = 64 * 1024
/** Bytes that wait for one slow peer before its gossip stream is reset. */
const OUTBOUND_BUFFER_BYTES_MAX = 4 * 1024 * 1024

/** The options of the gossip service, apart from the package so that the self-check can hand them to another one. */
export const GOSSIP_OPTIONS = {
  // Links prove who speaks; signing every message costs six times the throughput and adds nothing.
  globalSignaturePolicy: 'StrictNoSign' as const,
  // Without signatures a message has no sender and number to be known by; its content is its name.
  msgIdFn: (message: { data: Uint8Array }) => contentHash(message.data),
  fallbackToFloodsub: false,
  floodPublish: true,
  emitSelf: false,
  // A hint that nobody hears is lost like any other.
  allowPublishToZeroTopicPeers: true,
  ignoreDuplicatePublishError: true,
  // Peers come from the cluster config, never from gossip, and libp2p shall not hold or re-dial them on its own.
  doPX: false,
  tagMeshPeers: false,
  maxInboundDataLength: INBOUND_BYTES_MAX,
  maxOutboundBufferSize: OUTBOUND_BUFFER_BYTES_MAX,
  // Many nodes behind one address are a test or a lab here, not an attack.
  scoreParams: { IPColocationFactorWeight: 0 },
}

export function gossipService(): GossipFactory {
  return gossipsub(GOSSIP_OPTIONS)
}
