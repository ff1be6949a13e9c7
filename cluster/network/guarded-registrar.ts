/**
 * Keeps libp2p's own services (gossip, identify) for members: whoever is only at the door gets past the handshake, and
 * libp2p would hand such a peer's streams to every service. Its stream middleware cannot be used for that: it appends a
 * handler to the registered list at each incoming stream (libp2p 3.3).
 */
import type { identify } from '@libp2p/identify'
import { ClusterError } from '../errors.ts'
import type { NodeId } from './rpc-port.ts'

type Registrar = Parameters<ReturnType<typeof identify>>[0]['registrar']

/** The components of a libp2p service, with a registrar that serves and announces only peers for which `isMember` holds. */
export function guardComponents<C extends { registrar: Registrar }>(
  components: C,
  isMember: (peer: NodeId) => boolean,
): C {
  const registrar = guardRegistrar(components.registrar, isMember)
  // libp2p hands out a proxy, whose parts cannot be listed.
  return new Proxy(components, {
    get: (target, name) => (name === 'registrar' ? registrar : (Reflect.get(target, name) as unknown)),
  })
}

function guardRegistrar(registrar: Registrar, isMember: (peer: NodeId) => boolean): Registrar {
  const handle: Registrar['handle'] = (protocol, handler, options) =>
    registrar.handle(
      protocol,
      (stream, connection) => {
        if (isMember(connection.remotePeer.toString())) return handler(stream, connection)
        stream.abort(new ClusterError('NOT_A_MEMBER', 'the peer is no member of this cluster'))
      },
      options,
    )
  const register: Registrar['register'] = (protocol, topology) =>
    registrar.register(protocol, {
      ...topology,
      onConnect: (peer, connection) =>
        isMember(peer.toString()) ? topology.onConnect?.(peer, connection) : undefined,
    })
  const changed: Partial<Registrar> = { handle, register }
  return new Proxy(registrar, {
    get(target, name) {
      const value = (Reflect.get(changed, name) ?? Reflect.get(target, name)) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
