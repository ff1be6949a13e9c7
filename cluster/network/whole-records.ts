/**
 * libp2p's TLS writes every piece of a frame by itself: header and body of each message become two TLS records, two
 * turns of the event loop and two system calls on either side. Here a frame is joined first and goes out as one.
 */
import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'
import { tls, type TLSComponents } from '@libp2p/tls'

export function tlsInWholeRecords(): (components: TLSComponents) => ConnectionEncrypter {
  return (components) => {
    const encrypter = tls()(components)
    const secureInbound = encrypter.secureInbound.bind(encrypter)
    const secureOutbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (...args) => joining(await secureInbound(...args))
    encrypter.secureOutbound = async (...args) => joining(await secureOutbound(...args))
    return encrypter
  }
}

function joining(secured: SecuredConnection): SecuredConnection {
  const { connection } = secured
  const send: MessageStream['send'] = connection.send.bind(connection)
  connection.send = (data) => send(data instanceof Uint8Array ? data : data.subarray())
  return secured
}
