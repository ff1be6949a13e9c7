/** The port to the message broker. */

export interface OutgoingMessage {
  /** `notifications.info`. */
  routingKey: string
  body: Buffer
}

export interface BrokerLink {
  /** Resolves when the broker has taken it. Rejects when the link broke before: it may have been taken all the same. */
  publish(message: OutgoingMessage): Promise<void>
  /** Never rejects. */
  close(): Promise<void>
}

export interface Broker {
  /** Rejects when no broker can be reached. */
  connect(): Promise<BrokerLink>
}
