/** A tool that runs: its bytes, its end, and how it is ended. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../../cluster/runtime.ts'
import { BackendError } from './backend.ts'

export interface ToolEnd {
  /** Null: it was killed. `TOOL_MISSING`: there is no such tool. */
  exitCode: number | null
  stderr: string
}

/** Thrown to who reads a tool that has given way to others: what it was given is right, and the rest is still there. */
export class GaveWayError extends Error {}

/** Of the shells, for a command that is not there. */
export const TOOL_MISSING = 127
/** What an answer, and what a tool says of itself, may have of characters: the rest is dropped. */
export const SAID_LENGTH_MAX = 256 * 1024
/** Without a byte taken or given, ms. */
export const PAUSE_MS = 30_000
/** For a tool whose bytes have broken off to put its things in order, ms; then it is killed. */
const LEAVE_MS = 5000

interface Surroundings {
  clock: Clock
  id: string
  signal: AbortSignal
}

export class RunningTool {
  /** When it and all that it has started are gone. Never rejects. */
  readonly ended: Promise<ToolEnd>
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #surroundings: Surroundings
  #isOver = false
  #takenBytes = 0
  #hasGivenWay = false

  constructor(surroundings: Surroundings, command: string, args: readonly string[]) {
    this.#surroundings = surroundings
    // A group of its own, which is killed as one. What the node's own environment holds is none of the tool's business.
    this.#child = spawn(command, [...args], {
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const { signal } = surroundings
    const onAbort = () => void this.leave()
    signal.addEventListener('abort', onAbort, { once: true })
    // It may end before it has read everything; how it has ended says why.
    this.#child.stdin.on('error', () => {})
    this.ended = this.#untilEnd().finally(() => {
      this.#isOver = true
      signal.removeEventListener('abort', onAbort)
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** By who reads its pieces. */
  get takenBytes(): number {
    return this.#takenBytes
  }

  get stdin(): Writable {
    return this.#child.stdin
  }

  get stdout(): Readable {
    return this.#child.stdout
  }

  /** What it writes, no faster than it is taken. How it has ended is still to be asked. Throws as `within`; GaveWayError. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const pieces = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    for (;;) {
      const next = await this.within(PAUSE_MS, pieces.next()).catch((error: unknown) => {
        throw this.#hasGivenWay ? new GaveWayError() : error
      })
      if (this.#hasGivenWay) throw new GaveWayError()
      if (next.done) return
      this.#takenBytes += next.value.length
      yield next.value
    }
  }

  /** Ends it, for others. */
  giveWay(): void {
    this.#hasGivenWay = true
    this.kill()
  }

  /** Resolves with `waiting`. Kills it after `limitMs`, and throws BACKEND_UNAVAILABLE then, or the signal's reason. */
  async within<T>(limitMs: number, waiting: Promise<T>): Promise<T> {
    const { clock, id, signal } = this.#surroundings
    let cancel = () => {}
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(limitMs, () => {
        reject(new BackendError('BACKEND_UNAVAILABLE', `The store ${id} does not answer.`))
        this.kill()
      })
    })
    try {
      const result = await Promise.race([waiting, late])
      signal.throwIfAborted()
      return result
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      cancel()
    }
  }

  /**
   * Ends it. One that still waits for input gets the end of that, and a while to let go of what it holds: locks of one that is
   * killed outlive it. Resolves when it is gone, or as good as that.
   */
  async leave(): Promise<void> {
    if (this.#isOver) return
    if (this.#child.stdin.writableEnded) return this.kill()
    this.#child.stdin.end()
    const cancel = this.#surroundings.clock.after(LEAVE_MS, () => this.kill())
    await this.ended
    cancel()
  }

  kill(): void {
    if (this.#isOver) return
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
    // Nobody reads the rest of it, without which it would have no end.
    this.#child.stdout.destroy()
  }

  #untilEnd(): Promise<ToolEnd> {
    let stderr = ''
    // The last lines tell why.
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-SAID_LENGTH_MAX)
    })
    return new Promise((resolve) => {
      this.#child.on('error', (error) => resolve({ exitCode: TOOL_MISSING, stderr: error.message }))
      this.#child.on('close', (exitCode) => resolve({ exitCode, stderr }))
    })
  }
}
