/** Where brokers are, as oslo.messaging writes it: `rabbit://USER:PASSWORD@HOST:PORT,USER:PASSWORD@HOST:PORT/VIRTUAL_HOST`. */

export interface BrokerAddress {
  protocol: 'amqp' | 'amqps'
  hostname: string
  port: number
  username: string
  password: string
  vhost: string
}

const PORT = 5672
const TLS_PORT = 5671
const FORM = /^rabbit:\/\/([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/

const LONE_PERCENT = /%(?![\dA-Fa-f]{2})/

/** In the order in which they are tried; null when it is none. */
export function parseTransportUrl(text: string): BrokerAddress[] | null {
  const [, hosts, vhost = '', query = ''] = FORM.exec(text) ?? []
  if (hosts === undefined || LONE_PERCENT.test(text)) return null
  const isTls = /^(1|true|yes)$/i.test(new URLSearchParams(query).get('ssl') ?? '')
  const each = hosts.split(',').map((host) => `amqp://${host}`)
  if (!each.every((url) => URL.canParse(url) && new URL(url).hostname !== '')) return null
  return each.map((url) => {
    const { hostname, port, username, password } = new URL(url)
    return {
      protocol: isTls ? 'amqps' : 'amqp',
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (isTls ? TLS_PORT : PORT) : Number(port),
      username: decodeURIComponent(username) || 'guest',
      password: decodeURIComponent(password) || 'guest',
      vhost: vhost === '' ? '/' : decodeURIComponent(vhost),
    }
  })
}
