/** One authenticated connection to a peer, as the rest of the control plane sees it: no libp2p beyond this folder. */
import type { Connection, Stream } from '@libp2p/interface'
import { ClusterError } from '../errors.ts'
import { STREAM_OPEN_TIMEOUT_MS, STREAMS_PER_PROTOCOL_MAX } from './protocols.ts'
import type { NodeId } from './rpc-port.ts'

export class Link {
  /** Whose key the other side has proved to hold. */
  readonly peer: NodeId
  /** This side opened the connection. */
  readonly dialled: boolean
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
    this.peer = connection.remotePeer.toString()
    this.dialled = connection.direction === 'outbound'
  }

  get open(): boolean {
    return this.connection.status === 'open'
  }

  /** Opens a stream of this protocol. Throws PEER_UNREACHABLE. */
  async openStream(protocolId: string): Promise<Stream> {
    try {
      return await this.connection.newStream(protocolId, {
        signal: AbortSignal.timeout(STREAM_OPEN_TIMEOUT_MS),
        maxOutboundStreams: STREAMS_PER_PROTOCOL_MAX,
      })
    } catch (error) {
      throw new ClusterError(
        'PEER_UNREACHABLE',
        'no stream to the peer',
        { peer: this.peer, protocolId },
        error,
      )
    }
  }

  /** Cuts the connection at once; everything under way on it fails. */
  close(reason: string): void {
    this.connection.abort(new ClusterError('PEER_UNREACHABLE', reason, { peer: this.peer }))
  }
}
