/**
 * Kept-alive connections to one peer. The key that the other end proves in the TLS handshake is compared with the
 * peer's id before the connection is handed to node:http: an impostor at the right address never sees a request.
 */
import { Agent, type AgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions } from 'node:tls'
import { ClusterError } from '../errors.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Traffic } from '../network/traffic.ts'
import type { Clock } from '../runtime.ts'
import { nodeIdOfCertificate, type BulkCredentials } from './bulk-certificate.ts'

/** Enough to keep a link and two disks busy with 4 MiB chunks. */
export const CONNECTIONS_MAX = 4
/** Below the server's own 60 s, so that a request seldom meets a connection that is just being closed. */
const IDLE_TIMEOUT_MS = 30_000

export interface PeerAgentOptions {
  peer: NodeId
  credentials: BulkCredentials
  connectTimeoutMs: number
  traffic: Traffic
}

export class PeerAgent extends Agent {
  readonly #clock: Clock
  readonly #options: PeerAgentOptions

  constructor(clock: Clock, options: PeerAgentOptions) {
    const limits: AgentOptions = {
      maxSockets: CONNECTIONS_MAX,
      maxFreeSockets: CONNECTIONS_MAX,
      timeout: IDLE_TIMEOUT_MS,
    }
    super({ ...limits, keepAlive: true })
    this.#clock = clock
    this.#options = options
  }

  /** Called by node:http for each new connection; hands it over through `done` when the peer is proven. */
  override createConnection(
    target: ConnectionOptions,
    done: (error: Error | null, socket?: Duplex) => void,
  ): undefined {
    const { peer, credentials, connectTimeoutMs, traffic } = this.#options
    const socket = connect({
      host: target.host,
      port: target.port,
      ...credentials,
      minVersion: 'TLSv1.3',
      // The peer's key is compared below; no authority vouches for it.
      rejectUnauthorized: false,
    } as ConnectionOptions)
    traffic.watch(socket)
    const settle = (error: ClusterError | null) => {
      cancelTimeout()
      socket.off('error', onError)
      socket.off('secureConnect', onSecure)
      if (!error) return done(null, socket)
      socket.on('error', () => {})
      socket.destroy()
      done(error)
    }
    const onError = (cause: Error) =>
      settle(
        new ClusterError('PEER_UNREACHABLE', 'the bulk plane of the peer cannot be reached', { peer }, cause),
      )
    const onSecure = () => settle(impostor(peer, nodeIdOfCertificate(socket.getPeerX509Certificate())))
    const cancelTimeout = this.#clock.after(connectTimeoutMs, () =>
      settle(
        new ClusterError('PEER_UNREACHABLE', 'the peer took too long to connect', { peer, connectTimeoutMs }),
      ),
    )
    socket.once('error', onError)
    socket.once('secureConnect', onSecure)
  }
}

function impostor(expected: NodeId, proven: NodeId | null): ClusterError | null {
  if (proven === expected) return null
  return new ClusterError('PEER_UNREACHABLE', 'another node answers at the address of the peer', {
    expected,
    proven,
  })
}
