/** RabbitMQ, as oslo.messaging meets it: a topic exchange, and a queue by the name of the routing key. */
import { connect, type ConfirmChannel, type Options } from 'amqplib'
import type { Broker, BrokerLink, OutgoingMessage } from './broker.ts'
import type { BrokerAddress } from '../config/transport-url.ts'

export interface AmqpOptions {
  /** Tried in turn. */
  addresses: readonly BrokerAddress[]
  /** oslo.messaging's control_exchange: `glance`. */
  exchange: string
  /** oslo.messaging's amqp_durable_queues. */
  durable: boolean
  /** Its rabbit_quorum_queue; such queues are durable. */
  quorum: boolean
}

/** A broker that hangs is noticed after two of them. */
const HEARTBEAT_SECONDS = 15
const CONNECT_MS = 5000
const PERSISTENT = 2

export class AmqpBroker implements Broker {
  readonly #options: AmqpOptions
  #tries = 0

  constructor(options: AmqpOptions) {
    this.#options = options
  }

  async connect(): Promise<BrokerLink> {
    const { addresses, exchange } = this.#options
    const queue = queueOf(this.#options)
    const address = addresses[this.#tries++ % addresses.length]!
    const model = await connect({ ...address, heartbeat: HEARTBEAT_SECONDS }, { timeout: CONNECT_MS })
    // Told by what is being published; without a listener it would end the process.
    model.on('error', () => {})
    const channel = await model.createConfirmChannel()
    channel.on('error', () => {})
    await channel.assertExchange(exchange, 'topic', { durable: queue.durable, autoDelete: false })
    return new AmqpLink(channel, { exchange, queue }, () => model.close())
  }
}

/** As oslo.messaging declares it: whoever declares a queue otherwise is refused by the broker. */
function queueOf({ durable, quorum }: AmqpOptions): Options.AssertQueue & { durable: boolean } {
  return {
    durable: durable || quorum,
    autoDelete: false,
    ...(quorum && { arguments: { 'x-queue-type': 'quorum' } }),
  }
}

class AmqpLink implements BrokerLink {
  readonly #channel: ConfirmChannel
  readonly #exchange: string
  readonly #queue: Options.AssertQueue
  readonly #end: () => Promise<void>
  readonly #declared = new Map<string, Promise<void>>()

  constructor(
    channel: ConfirmChannel,
    { exchange, queue }: { exchange: string; queue: Options.AssertQueue },
    end: () => Promise<void>,
  ) {
    this.#channel = channel
    this.#exchange = exchange
    this.#queue = queue
    this.#end = end
  }

  async publish({ routingKey, body }: OutgoingMessage): Promise<void> {
    await this.#declare(routingKey)
    await new Promise<void>((resolve, reject) => {
      const options = {
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        deliveryMode: PERSISTENT,
        priority: 0,
      }
      const onConfirm = (error: unknown) => {
        if (error) reject(error instanceof Error ? error : new Error('the broker refused a message'))
        else resolve()
      }
      this.#channel.publish(this.#exchange, routingKey, body, options, onConfirm)
    })
  }

  async close(): Promise<void> {
    await this.#end().catch(() => {})
  }

  /** As oslo.messaging does, so that nothing is lost that is sent before the first consumer comes. */
  #declare(queue: string): Promise<void> {
    const known = this.#declared.get(queue)
    if (known) return known
    const declaring = (async () => {
      await this.#channel.assertQueue(queue, this.#queue)
      await this.#channel.bindQueue(queue, this.#exchange, queue)
    })()
    this.#declared.set(queue, declaring)
    return declaring
  }
}
