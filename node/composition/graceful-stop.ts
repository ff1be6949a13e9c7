/**
 * How a node leaves the load balancers at SIGTERM: first it says so while it still serves, then it takes no new connections
 * and lets what is under way come to its end.
 */
import type { Server } from 'node:http'
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'

export interface GracefulStopOptions {
  /** How long it serves on while the health checks say that it goes, ms. */
  delayMs: number
  /** How long transfers may go on after that, ms. */
  limitMs: number
}

/** What fastify makes: `close` takes no new connections, and resolves when all requests have ended. */
interface ClosableApp {
  server: Pick<Server, 'closeIdleConnections' | 'closeAllConnections'>
  close: () => Promise<unknown>
}

/** Connections that have nothing to do any more are closed this often: a client may keep one for the next request. */
const IDLE_LOOK_MS = 200
/** For the answers to what was ended at the limit. */
const LAST_WORDS_MS = 1000

export class GracefulStop {
  readonly #clock: Clock
  readonly #log: Log
  readonly #options: GracefulStopOptions
  #isStopping = false

  constructor({ clock, log }: { clock: Clock; log: Log }, options: GracefulStopOptions) {
    this.#clock = clock
    this.#log = log
    this.#options = options
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Says so from now on; resolves when whoever balances load has had the time to notice. */
  async announce(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    const { delayMs, limitMs } = this.#options
    this.#log.info({ delayMs, limitMs }, 'the health checks say that this node stops')
    if (delayMs > 0) await sleep(this.#clock, delayMs)
  }

  /** Resolves when every request has ended. At the limit `endTransfers` ends what can be ended in order; the rest is cut. */
  async close(app: ClosableApp, endTransfers: () => Promise<unknown> = async () => {}): Promise<void> {
    const { server } = app
    const looks = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
    let cancelCut = () => {}
    const cut = () => {
      cancelCut = this.#clock.after(LAST_WORDS_MS, () => server.closeAllConnections())
    }
    const cancelLimit = this.#clock.after(this.#options.limitMs, () => {
      this.#log.warn({}, 'transfers did not end in time and are cut off')
      endTransfers().then(cut, cut)
    })
    try {
      await app.close()
    } finally {
      clearInterval(looks)
      cancelLimit()
      cancelCut()
    }
  }
}
