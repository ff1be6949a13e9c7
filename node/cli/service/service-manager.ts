/**
 * Who runs this process and wants to be told how it is: systemd, with `Type=notify`. It listens on a datagram socket of the
 * local machine, which Node cannot open and which a native addon would be needed for; systemd brings a program that does,
 * `systemd-notify`. A shell stays beside the node and starts it, since the node itself would have to copy the page tables of
 * its whole memory for each message. That is why the unit says `NotifyAccess=all`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Environment } from '../../config/environment.ts'
import type { Log } from '../../../cluster/runtime.ts'

/** The messages of sd_notify(3) that a node sends. */
export type ServiceMessage =
  | 'READY=1'
  | 'RELOADING=1'
  | 'STOPPING=1'
  | 'WATCHDOG=1'
  | `STATUS=${string}`
  | `EXTEND_TIMEOUT_USEC=${number}`

export interface ServiceManager {
  /** Within this time it wants to hear WATCHDOG=1 again, ms; null: it does not wait for that. */
  readonly watchdogMs: number | null
  /** Never throws; in the order of the calls. What nobody takes is dropped. */
  tell(message: ServiceMessage): void
}

/** Of a node that nobody but a person started. */
export const NO_SERVICE_MANAGER: ServiceManager = { watchdogMs: null, tell() {} }

const EXIT_NO_PROGRAM = 127
/** One message a line. Each call returns when systemd has seen the message (since version 246). */
const HELPER =
  `command -v systemd-notify >/dev/null || exit ${EXIT_NO_PROGRAM}; ` +
  'while IFS= read -r line; do systemd-notify "$line"; done'
const US_PER_MS = 1000

/** As sd_notify(3) and sd_watchdog_enabled(3) say that one finds out. */
export function serviceManagerOf(environment: Environment, log: Log): ServiceManager {
  if (!environment['NOTIFY_SOCKET']) return NO_SERVICE_MANAGER
  return new SystemdManager(watchdogMsOf(environment), environment, log)
}

function watchdogMsOf({ WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid }: Environment): number | null {
  const isForUs = pid === undefined || Number(pid) === process.pid
  const watchdogMs = Number(microseconds) / US_PER_MS
  return isForUs && watchdogMs > 0 ? watchdogMs : null
}

class SystemdManager implements ServiceManager {
  readonly watchdogMs: number | null
  readonly #environment: Environment
  readonly #log: Log
  #helper: ChildProcess | null = null
  #isMissing = false

  constructor(watchdogMs: number | null, environment: Environment, log: Log) {
    this.watchdogMs = watchdogMs
    this.#environment = environment
    this.#log = log
  }

  tell(message: ServiceMessage): void {
    if (this.#isMissing) return
    this.#helper ??= this.#start()
    const { stdin } = this.#helper
    // A systemd that takes nothing for so long: the next message will say the same.
    if (!stdin || stdin.writableNeedDrain) return
    stdin.write(`${message.replaceAll('\n', ' ')}\n`)
  }

  #start(): ChildProcess {
    const helper = spawn('/bin/sh', ['-c', HELPER], {
      // No password that came in a variable.
      env: { PATH: this.#environment['PATH'], NOTIFY_SOCKET: this.#environment['NOTIFY_SOCKET'] },
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const end = () => {
      if (this.#helper === helper) this.#helper = null
    }
    helper.once('error', (error) => {
      this.#log.warn({ error: error.message }, 'systemd cannot be told how this node is')
      end()
    })
    helper.once('exit', (code) => {
      end()
      if (code !== EXIT_NO_PROGRAM) return
      this.#isMissing = true
      this.#log.warn({}, 'systemd cannot be told how this node is: there is no program systemd-notify here')
    })
    // Its end is told by the event above.
    helper.stdin.on('error', () => {})
    helper.unref()
    return helper
  }
}
