/**
 * libp2p's TLS writes every piece of a frame by itself: header and body of each message become two TLS records, two
 * turns of the event loop and two system calls on either side. Here all that is sent within one turn goes out as one: of a busy
 * node that is the votes of several changes.
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
  const close: MessageStream['close'] = connection.close.bind(connection)
  let waiting: Uint8Array[] = []
  const flush = () => {
    const pieces = waiting
    waiting = []
    // Of a connection that broke meanwhile its streams know.
    if (pieces.length === 0 || connection.status !== 'open') return
    try {
      send(Buffer.concat(pieces))
    } catch (error) {
      connection.abort(error as Error)
    }
  }
  connection.send = (data) => {
    if (connection.status !== 'open') return send(data)
    if (waiting.length === 0) setImmediate(flush)
    if (data instanceof Uint8Array) waiting.push(data)
    else waiting.push(...data)
    return !connection.writableNeedsDrain
  }
  connection.close = (options) => {
    flush()
    return close(options)
  }
  return secured
}
