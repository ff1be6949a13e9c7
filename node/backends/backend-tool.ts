/**
 * A command-line tool that speaks to a back end: found at run time, given its arguments one by one and no shell, held to limits
 * in time and in what it says, and killed with all that it has started when nobody waits for it any more.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import { BackendError, type BackendErrorCode } from './backend.ts'

export interface ToolEnd {
  /** Null: it was killed. `TOOL_MISSING`: there is no such tool. */
  exitCode: number | null
  stderr: string
}

export interface ToolAnswer extends ToolEnd {
  stdout: string
}

/** Of the shells, for a command that is not there. */
export const TOOL_MISSING = 127
/** What an answer, and what a tool says of itself, may have of characters: the rest is dropped. */
const SAID_LENGTH_MAX = 256 * 1024
/** Without a byte taken or given, ms. */
const PAUSE_MS = 30_000
/** From the last byte that it was given to its end, ms: what it still holds is on its way then. */
const END_MS = 60_000
/** For a tool whose bytes have broken off to put its things in order, ms; then it is killed. */
const LEAVE_MS = 5000

/**
 * At once, for one store. A tool of Ceph has 16 threads and 25 to 115 MB: all of them together stay below the 512 tasks that the
 * unit of systemd lets a node have.
 */
const STREAMS_MAX = 16
/** What only looks or marks does not wait behind clients that read slowly. */
const COMMANDS_MAX = 8

export class BackendTool {
  readonly #clock: Clock
  readonly #id: string
  readonly #streams = new Semaphore(STREAMS_MAX)
  readonly #commands = new Semaphore(COMMANDS_MAX)

  /** `id`: of the store, for messages. */
  constructor(clock: Clock, id: string) {
    this.#clock = clock
    this.#id = id
  }

  /** Resolves with what it has answered, whatever that is. Throws BACKEND_UNAVAILABLE after `totalMs`, or the signal's reason. */
  async run(
    command: string,
    args: readonly string[],
    { totalMs, signal }: { totalMs: number; signal: AbortSignal },
  ): Promise<ToolAnswer> {
    const running = this.#start(command, args, signal, await this.#turn(this.#commands, signal))
    running.stdin.end()
    let stdout = ''
    running.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(0, SAID_LENGTH_MAX)
    })
    return { ...(await running.within(totalMs, running.ended)), stdout }
  }

  /**
   * Writes a body to the tool, no faster than it takes it, each piece only after the one before is gone. Resolves with how the
   * tool has ended and the count of bytes. Throws the error of `body`, BACKEND_UNAVAILABLE, or the signal's reason.
   */
  async feed(
    command: string,
    args: readonly string[],
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<ToolEnd & { sizeBytes: number }> {
    const running = this.#start(command, args, signal, await this.#turn(this.#streams, signal))
    running.stdout.resume()
    try {
      const sizeBytes = await pour(running, body)
      running.stdin.end()
      return { ...(await running.within(END_MS, running.ended)), sizeBytes }
    } finally {
      await running.leave()
    }
  }

  /** To be read, by whoever owes it `kill` then. It is killed with `signal`, too. */
  async read(command: string, args: readonly string[], signal: AbortSignal): Promise<RunningTool> {
    return this.#read(command, args, signal, await this.#turn(this.#streams, signal))
  }

  /** As `read`, for what is not needed yet; null: others need the room. */
  readAhead(command: string, args: readonly string[], signal: AbortSignal): RunningTool | null {
    const endTurn = this.#streams.tryAcquire()
    return endTurn && this.#read(command, args, signal, endTurn)
  }

  #read(command: string, args: readonly string[], signal: AbortSignal, endTurn: () => void): RunningTool {
    const running = this.#start(command, args, signal, endTurn)
    running.stdin.end()
    // Without a listener, Node.js throws away what nobody has read when the tool ends.
    running.stdout.on('readable', () => {})
    return running
  }

  /** What an end means that is no success. `known`: exit codes of the tool; what is missing there is BACKEND_UNAVAILABLE. */
  failure(
    { exitCode, stderr }: ToolEnd,
    tool: string,
    known: ReadonlyMap<number, BackendErrorCode>,
  ): BackendError {
    const code = known.get(exitCode ?? 0) ?? 'BACKEND_UNAVAILABLE'
    if (exitCode === TOOL_MISSING)
      return this.error(code, `needs ${tool}, which is not installed at this node`)
    const reason = /: \(\d+\) ([A-Z][\w ]{2,60})\s*$/.exec(stderr.trim())?.[1]
    return this.error(
      code,
      `fails: ${tool} ends with ${exitCode ?? 'a signal'}${reason ? ` (${reason})` : ''}`,
    )
  }

  error(code: BackendErrorCode, what: string): BackendError {
    return new BackendError(code, `The store ${this.#id} ${what}.`)
  }

  /** Whoever waits too long is told, and may come again. */
  async #turn(turns: Semaphore, signal: AbortSignal): Promise<() => void> {
    const late = new AbortController()
    const cancel = this.#clock.after(PAUSE_MS, () =>
      late.abort(this.error('BACKEND_UNAVAILABLE', 'has as much to do at this node as it may')),
    )
    try {
      return await turns.acquire(AbortSignal.any([signal, late.signal]))
    } finally {
      cancel()
    }
  }

  #start(command: string, args: readonly string[], signal: AbortSignal, endTurn: () => void): RunningTool {
    try {
      signal.throwIfAborted()
      const running = new RunningTool({ clock: this.#clock, id: this.#id, signal }, command, args)
      void running.ended.then(endTurn)
      return running
    } catch (error) {
      endTurn()
      throw error
    }
  }
}

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

  get stdin(): Writable {
    return this.#child.stdin
  }

  get stdout(): Readable {
    return this.#child.stdout
  }

  /** What it writes, no faster than it is taken. How it has ended is still to be asked. Throws as `within`. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const pieces = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    for (;;) {
      const next = await this.within(PAUSE_MS, pieces.next())
      if (next.done) return
      yield next.value
    }
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

/** Ends early when the tool does. */
async function pour(running: RunningTool, body: AsyncIterable<Uint8Array>): Promise<number> {
  const pieces = body[Symbol.asyncIterator]()
  let sizeBytes = 0
  let isWhole = false
  let wake = () => {}
  // One reaction for all pieces: a race with the end for each would keep all of them until then.
  void running.ended.then(() => wake())
  const nextPiece = () =>
    new Promise<IteratorResult<Uint8Array> | null>((resolve, reject) => {
      wake = () => resolve(null)
      pieces.next().then(resolve, reject)
    })
  try {
    while (!running.isOver) {
      const next = await nextPiece()
      if (next?.done) isWhole = true
      if (!next || next.done) return sizeBytes
      await running.within(PAUSE_MS, write(running.stdin, next.value))
      sizeBytes += next.value.length
    }
    return sizeBytes
  } finally {
    // Not waited for: whoever sends nothing any more does not end either.
    if (!isWhole) void pieces.return?.().catch(() => {})
  }
}

/** Resolves also when it is not taken: why not, the end of the tool explains. */
function write(to: Writable, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => to.write(piece, () => resolve()))
}
