/** Tells the service manager how the node is, from its start to its end. */
import { type Clock, type Log, sleep } from '../../../cluster/runtime.ts'
import type { ServiceManager } from './service-manager.ts'

/** What is told of a node that is up. */
export interface ReportedNode {
  /** Resolves when its store has dealt with what was asked of it before, well or badly. */
  storeAnswers(): Promise<void>
  /** Why it does not take all requests; empty when it does. */
  reasons(): string[]
  /** Reads again what can be changed without a restart. */
  reload(): Promise<void>
}

export interface ServiceReportComponents {
  clock: Clock
  log: Log
  manager: ServiceManager
}

/** Of a service manager that has no watchdog: how old STATUS may be, ms. */
const ROUND_MS = 20_000
/** A third of the time that the watchdog gives: one round may come late. */
const ROUNDS_PER_WATCHDOG = 3
/** A store is opened within it, unless this is asked for again, ms. Three rounds. */
const START_EXTENSION_MS = 60_000
const US_PER_MS = 1000

export class ServiceReport {
  readonly #components: ServiceReportComponents
  readonly #roundMs: number
  #status = ''
  #isUp = false
  #isEnded = false

  constructor(components: ServiceReportComponents) {
    this.#components = components
    const { watchdogMs } = components.manager
    this.#roundMs = Math.min(ROUND_MS, watchdogMs === null ? ROUND_MS : watchdogMs / ROUNDS_PER_WATCHDOG)
  }

  /** Keeps the start from being given up while the event loop turns: an index may have to be made anew from all segments. */
  async starting(): Promise<void> {
    const { clock, manager } = this.#components
    this.#tellStatus('Opening the store.')
    while (!this.#isUp && !this.#isEnded) {
      manager.tell(`EXTEND_TIMEOUT_USEC=${START_EXTENSION_MS * US_PER_MS}`)
      await sleep(clock, this.#roundMs)
    }
  }

  /** The node serves. From now on it is watched until `ended`. */
  async up(node: ReportedNode): Promise<void> {
    const { clock, manager } = this.#components
    this.#isUp = true
    this.#tellReadiness(node)
    manager.tell('READY=1')
    while (!this.#isEnded) {
      // Who never gets beyond this line is not alive, and the watchdog ends it.
      await node.storeAnswers()
      manager.tell('WATCHDOG=1')
      this.#tellReadiness(node)
      await sleep(clock, this.#roundMs)
    }
  }

  async reload(node: ReportedNode): Promise<void> {
    const { log, manager } = this.#components
    manager.tell('RELOADING=1')
    log.info({}, 'policy and certificate are read again; serac.conf counts from the next start on')
    await node.reload()
    manager.tell('READY=1')
  }

  /** The watchdog is fed until the end of the process: to stop takes a while. */
  stopping(): void {
    this.#isUp = false
    this.#components.manager.tell('STOPPING=1')
    this.#tellStatus('Stopping: what is under way may end.')
  }

  ended(): void {
    this.#isEnded = true
  }

  #tellReadiness(node: ReportedNode): void {
    if (!this.#isUp) return
    const reasons = node.reasons()
    this.#tellStatus(reasons.length === 0 ? 'Takes reads and writes.' : `No writes: ${reasons.join(' ')}`)
  }

  #tellStatus(status: string): void {
    if (status === this.#status) return
    this.#status = status
    this.#components.manager.tell(`STATUS=${status}`)
  }
}
