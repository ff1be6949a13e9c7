/**
 * The one table of control-plane protocols, and the limits of the frames they travel in. A protocol id carries a
 * version: a change that an older release cannot read gets a new number.
 */
import type { ControlProtocol } from './rpc-port.ts'

/**
 * What travels between nodes: the protocols of the port, and two that membership keeps for itself. Those have ids of
 * their own so that a slow status answer or a join never delays a heartbeat, and so that the handlers of `status` and
 * `admission` stay free for whoever composes the node.
 */
export type WireProtocol = ControlProtocol | 'hello' | 'heartbeat'

export interface ProtocolLimits {
  /** The libp2p protocol id. */
  id: string
  /** Requests under way at one peer; the peer refuses more than this with PEER_BUSY. */
  inFlightMax: number
  /** Requests that may wait for a place under way; one more is refused with PEER_BUSY. */
  queueMax: number
}

export const PROTOCOLS: Readonly<Record<WireProtocol, ProtocolLimits>> = {
  /** Group commit feeds on concurrency: hundreds of keys may be in one sync batch. */
  votes: { id: '/serac/votes/1', inFlightMax: 256, queueMax: 1024 },
  /** Pages of a change log: a few are enough to keep a link busy. */
  'catch-up': { id: '/serac/catch-up/1', inFlightMax: 8, queueMax: 64 },
  /** Status documents, asked for by operators and pages. */
  status: { id: '/serac/status/1', inFlightMax: 16, queueMax: 64 },
  /** Asked for each image that is to be given up where it is misplaced; costs a look into memory. */
  holding: { id: '/serac/holding/1', inFlightMax: 64, queueMax: 256 },
  /** Joins and invites: rare. */
  admission: { id: '/serac/admission/1', inFlightMax: 4, queueMax: 16 },
  /** One per link. */
  hello: { id: '/serac/hello/1', inFlightMax: 2, queueMax: 2 },
  /** One a second, and one probe of an old link when a new one claims to be the same node. */
  heartbeat: { id: '/serac/heartbeat/1', inFlightMax: 4, queueMax: 4 },
}

/** Frame body, bytes. Small, so that a large message never holds up the small ones on its stream for long. */
export const FRAME_BYTES_MAX = 256 * 1024
/** Message (all its frames), bytes. Above every page and record: a register value is at most 1 MiB. */
export const MESSAGE_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of messages that wait to be written to one stream; a further large one is refused with PEER_BUSY. */
export const OUTGOING_BYTES_MAX = 32 * 1024 * 1024
/** Messages that wait on one stream; a peer that makes us queue more reads no answers, and its stream is reset. */
export const OUTGOING_MESSAGES_MAX = 4096
/** Bytes of half-received messages on one stream; an honest sender stays below, as it queues no more than this. */
export const PARTIAL_BYTES_MAX = OUTGOING_BYTES_MAX + MESSAGE_BYTES_MAX

/** Streams of one protocol that one connection may hold open: one each way, and one that is just being replaced. */
export const STREAMS_PER_PROTOCOL_MAX = 4
/** Opening a stream takes two round trips; a peer that needs longer does not serve. */
export const STREAM_OPEN_TIMEOUT_MS = 5_000
/** A stream whose peer takes no byte for this long is reset: its messages would only grow old. */
export const STREAM_STALL_TIMEOUT_MS = 30_000
