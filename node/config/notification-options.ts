/** What other services are told: oslo.messaging's names and defaults. */
import { option, optional } from './option.ts'
import { boolean, choice, list, text, type OptionType } from './option-types.ts'
import { parseTransportUrl, type BrokerAddress } from './transport-url.ts'

const transportUrl: OptionType<BrokerAddress[]> = {
  description: 'rabbit://USER:PASSWORD@HOST:PORT/VIRTUAL_HOST, with several hosts between commas',
  isSecret: true,
  parse(value) {
    const addresses = parseTransportUrl(value)
    if (addresses === null) throw new Error(this.description)
    return addresses
  },
}

export const NOTIFICATION_OPTIONS = {
  driver: option(
    choice('noop', 'messagingv2'),
    'noop',
    'messagingv2: image.create, update, prepare, upload, activate, send and delete, and image.member.*, go to the broker at ' +
      'transport_url, as Glance tells them. noop: nobody is told.',
  ),
  transport_url: optional(
    transportUrl,
    'The message broker. With ?ssl=1 it is spoken to by TLS. While it is away up to 10000 notifications wait in memory; no ' +
      'request ever waits for it.',
  ),
  topics: option(list(text), 'notifications', 'Queues: TOPIC.info and TOPIC.error, on the exchange glance.'),
}

/** How the queues are declared: the broker refuses whoever declares one otherwise than it is. */
export const RABBIT_OPTIONS = {
  amqp_durable_queues: option(
    boolean,
    'false',
    'Queues and exchange outlive a restart of the broker. As in the configuration of those that listen.',
  ),
  rabbit_quorum_queue: option(
    boolean,
    'false',
    'Queues of the type quorum, which are durable. As in the configuration of those that listen.',
  ),
}
