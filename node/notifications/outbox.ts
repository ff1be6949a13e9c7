/**
 * What waits for the broker: a bounded queue in memory, so that nobody ever waits for a broker. When it is full the newest are
 * dropped and counted. At least once: what was under way when a link broke is sent again.
 */
import { sleep, stopController, type Clock, type Log } from '../../cluster/runtime.ts'
import type { Broker, BrokerLink, OutgoingMessage } from './broker.ts'

export interface OutboxComponents {
  clock: Clock
  log: Log
  broker: Broker
}

/** Some MiB of ordinary images; minutes of a broker that restarts. */
const WAITING_MAX = 10_000
/** Unconfirmed at a time. */
const BATCH_MAX = 64
/** A broker that does not confirm for so long is left. */
const CONFIRM_MS = 15_000
const RETRY_MS_MIN = 1000
const RETRY_MS_MAX = 30_000
/** What still waits when the node stops has this long. */
const FLUSH_MS = 2000
const FLUSH_LOOK_MS = 50

export class Outbox {
  readonly #components: OutboxComponents
  readonly #waiting: (() => OutgoingMessage)[] = []
  readonly #stopping = stopController()
  #link: BrokerLink | null = null
  #retryMs = RETRY_MS_MIN
  #dropped = 0
  #wake: () => void = () => {}
  #running: Promise<void> = Promise.resolve()

  constructor(components: OutboxComponents) {
    this.#components = components
  }

  start(): void {
    this.#running = this.#run()
  }

  /** `make` is called when its turn has come, so that whoever hands it in need not wait for it to be written. */
  put(make: () => OutgoingMessage): void {
    if (this.#waiting.length < WAITING_MAX) {
      this.#waiting.push(make)
      this.#wake()
      return
    }
    if (this.#dropped === 0)
      this.#components.log.error(
        { waiting: WAITING_MAX },
        'the broker takes nothing: notifications are dropped',
      )
    this.#dropped++
  }

  async stop(): Promise<void> {
    const { clock } = this.#components
    const flushed = (async () => {
      while (this.#waiting.length > 0 && this.#link) await sleep(clock, FLUSH_LOOK_MS)
    })()
    await Promise.race([flushed, sleep(clock, FLUSH_MS)])
    this.#stopping.abort(new Error('the node stops'))
    this.#wake()
    await this.#link?.close()
    await this.#running
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      if (this.#waiting.length === 0) await this.#untilNews()
      else await this.#deliver().catch((error: unknown) => this.#fail(error))
    }
  }

  async #deliver(): Promise<void> {
    this.#link ??= await this.#components.broker.connect()
    const link = this.#link
    const batch = this.#waiting.slice(0, BATCH_MAX)
    await this.#inTime(Promise.all(batch.map((make) => link.publish(make()))))
    this.#waiting.splice(0, batch.length)
    this.#retryMs = RETRY_MS_MIN
    if (this.#dropped === 0) return
    this.#components.log.warn({ dropped: this.#dropped }, 'the broker takes notifications again')
    this.#dropped = 0
  }

  /** Rejects when the broker confirms nothing, or the node stops. */
  async #inTime(confirmed: Promise<unknown>): Promise<void> {
    const over = new AbortController()
    const late = sleep(
      this.#components.clock,
      CONFIRM_MS,
      AbortSignal.any([over.signal, this.#stopping.signal]),
    )
    // When it is over nobody waits for it any more.
    late.catch(() => {})
    try {
      await Promise.race([
        confirmed,
        late.then(() => {
          throw new Error(`the broker confirmed nothing within ${CONFIRM_MS / 1000} s`)
        }),
      ])
    } finally {
      over.abort()
    }
  }

  async #fail(error: unknown): Promise<void> {
    const { clock, log } = this.#components
    const link = this.#link
    this.#link = null
    void link?.close()
    if (this.#isStopping) return
    const fields = {
      error: error instanceof Error ? error.message : String(error),
      waiting: this.#waiting.length,
    }
    log.warn(fields, 'the message broker is away; notifications wait')
    await sleep(clock, this.#retryMs, this.#stopping.signal).catch(() => {})
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2)
  }

  #untilNews(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}
