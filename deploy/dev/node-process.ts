/** One node's process, which outlives the command that started it: found again by its pid file. */
import { spawn } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { lookUpProcess } from './process-table.ts'
import { waitFor } from './wait-for.ts'

export type ProcessState = 'running' | 'paused' | 'dead'

export interface NodeProcessFiles {
  pid: string
  /** Takes stdout and stderr of all runs, one after the other. */
  log: string
}

interface PidRecord {
  pid: number
  startTicks: string
}

/** Killed processes are gone at once; the kernel only has to tear down their memory. */
const KILL_LIMIT_MS = 10_000
const LOG_TAIL_LINES = 5

export class NodeProcess {
  readonly #files: NodeProcessFiles

  constructor(files: NodeProcessFiles) {
    this.#files = files
  }

  /** Starts `command` in a session of its own, so that Ctrl-C in this terminal does not reach it. */
  async start(command: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
    const [program = '', ...args] = command
    const log = await open(this.#files.log, 'a')
    try {
      const child = spawn(program, args, {
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        env: environment,
      })
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      child.unref()
      const pid = child.pid!
      const startTicks = (await lookUpProcess(pid))?.startTicks ?? ''
      await writeFile(this.#files.pid, JSON.stringify({ pid, startTicks } satisfies PidRecord))
    } finally {
      await log.close()
    }
  }

  async state(): Promise<ProcessState> {
    const pid = await this.pid()
    if (pid === null) return 'dead'
    return (await lookUpProcess(pid))?.isStopped ? 'paused' : 'running'
  }

  /** null when it does not run, also when another process has its number by now. */
  async pid(): Promise<number | null> {
    const record = await this.#readPidFile()
    if (record === null) return null
    const facts = await lookUpProcess(record.pid)
    return facts?.startTicks === record.startTicks ? record.pid : null
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    await this.#signal('SIGKILL')
    await this.#waitUntilDead(KILL_LIMIT_MS)
  }

  /** SIGTERM, and waits until it has ended in order; false when it still runs after `limitMs`. */
  async stop(limitMs: number): Promise<boolean> {
    await this.#signal('SIGTERM')
    // A paused process sees the SIGTERM only after this.
    await this.#signal('SIGCONT')
    return this.#waitUntilDead(limitMs)
  }

  async pause(): Promise<void> {
    await this.#signal('SIGSTOP')
    await waitFor(async () => (await this.state()) !== 'running', { limitMs: KILL_LIMIT_MS })
  }

  async resume(): Promise<void> {
    await this.#signal('SIGCONT')
  }

  /** The last lines of the log, for messages. */
  async logTail(): Promise<string> {
    const text = await readFile(this.#files.log, 'utf8').catch(() => '')
    return text.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const pid = await this.pid()
    if (pid === null) return
    try {
      process.kill(pid, signal)
    } catch (error) {
      // It ended in between.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  async #waitUntilDead(limitMs: number): Promise<boolean> {
    const isDead = await waitFor(async () => (await this.pid()) === null, { limitMs })
    if (isDead) await rm(this.#files.pid, { force: true })
    return isDead
  }

  async #readPidFile(): Promise<PidRecord | null> {
    const text = await readFile(this.#files.pid, 'utf8').catch(() => '')
    try {
      const { pid, startTicks } = JSON.parse(text) as Partial<PidRecord>
      // No number below 2 may ever reach kill(2): 0 and -1 mean whole groups.
      return Number.isInteger(pid) && pid! > 1 && startTicks ? { pid: pid!, startTicks } : null
    } catch {
      return null
    }
  }
}
