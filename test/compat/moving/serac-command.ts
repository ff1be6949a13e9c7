/** The `serac` command as a process of its own, which may be killed in the midst of its work. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { MovedLine, MovingReport } from '../../../node/cli/moving/moving-report.ts'
import { SERAC } from '../../helpers/probe-cluster.ts'

export class SeracCommand {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #output: Promise<[string, string]>

  constructor(...args: string[]) {
    const { NODE_OPTIONS: _, ...env } = process.env
    this.#child = spawn(process.execPath, [SERAC, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ended = once(this.#child, 'close')
    this.#output = Promise.all([text(this.#child.stdout!), text(this.#child.stderr!)])
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Its report, with `-f json` among its arguments. */
  async report(): Promise<MovingReport & { attention: MovedLine[]; exitCode: number | null }> {
    const [stdout, stderr] = await this.#output
    await this.#ended
    if (stdout === '') throw new Error(stderr)
    const report = JSON.parse(stdout) as MovingReport
    const attention = report.images.filter(({ needsAttention }) => needsAttention)
    return { ...report, attention, exitCode: this.#child.exitCode }
  }
}
