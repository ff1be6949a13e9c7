/** Makes what tells other services of images; nothing while it is not asked for. */
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { StoreList } from '../images/store-list.ts'
import { ImageNotifications } from '../notifications/image-notifications.ts'
import { Notifier } from '../notifications/notifier.ts'
import { Outbox } from '../notifications/outbox.ts'

export interface Notifications {
  images: ImageNotifications
  stop(): Promise<void>
}

/** Of the service, as in Glance. */
const EXCHANGE = 'glance'

/** The client of the broker is loaded only where there is one. */
export async function buildNotifications(
  config: SeracConfig,
  log: Log,
  { clusterId }: Pick<StoreList, 'clusterId'>,
): Promise<Notifications | null> {
  const { driver, transportUrl: addresses, topics } = config.osloMessagingNotifications
  if (driver === 'noop' || addresses === null) return null
  const { AmqpBroker } = await import('../notifications/amqp-broker.ts')
  const { amqpDurableQueues: durable, rabbitQuorumQueue: quorum } = config.osloMessagingRabbit
  const broker = new AmqpBroker({ addresses, exchange: EXCHANGE, durable, quorum })
  const outbox = new Outbox({ clock, log, broker })
  outbox.start()
  const { defaultPublisherId: publisherId, disabledNotifications: disabled } = config.default
  const notifier = new Notifier({ clock, outbox }, { publisherId, topics, disabled })
  return { images: new ImageNotifications(notifier, clusterId), stop: () => outbox.stop() }
}
