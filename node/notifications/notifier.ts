/** Puts events into the form of oslo.messaging 2.0 and hands them to the outbox. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../cluster/runtime.ts'
import type { Outbox } from './outbox.ts'

export interface NotifierComponents {
  clock: Pick<Clock, 'wallMs'>
  outbox: Pick<Outbox, 'put'>
}

export interface NotifierOptions {
  /** Glance's default_publisher_id. */
  publisherId: string
  topics: readonly string[]
  /** Event types, or groups of them: what stands before the first dot. */
  disabled: readonly string[]
}

export type Priority = 'INFO' | 'ERROR'

export class Notifier {
  readonly #components: NotifierComponents
  readonly #options: NotifierOptions

  constructor(components: NotifierComponents, options: NotifierOptions) {
    this.#components = components
    this.#options = options
  }

  /** Never throws and never waits. `payload` must not change any more. */
  notify(eventType: string, priority: Priority, payload: unknown): void {
    const { clock, outbox } = this.#components
    const { publisherId, topics, disabled } = this.#options
    const [group = ''] = eventType.split('.')
    if (disabled.includes(eventType) || disabled.includes(group)) return
    const message = {
      message_id: randomUUID(),
      publisher_id: publisherId,
      event_type: eventType,
      priority,
      timestamp: osloTime(clock.wallMs()),
      payload,
      _unique_id: randomUUID().replaceAll('-', ''),
    }
    for (const topic of topics)
      outbox.put(() => ({ routingKey: `${topic}.${priority.toLowerCase()}`, body: envelope(message) }))
  }
}

function envelope(message: object): Buffer {
  return Buffer.from(JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(message) }))
}

/** `str(datetime.utcnow())`: 2026-02-28 23:59:59.123000 */
function osloTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('T', ' ').replace('Z', '000')
}
