/**
 * A command-line tool that speaks to a back end: found at run time, given its arguments one by one and no shell, held to limits
 * in time and in what it says, and killed with all that it has started when nobody waits for it any more.
 */
import type { Writable } from 'node:stream'
import type { Clock } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import { BackendError, type BackendErrorCode } from './backend.ts'
import { PAUSE_MS, RunningTool, SAID_LENGTH_MAX, TOOL_MISSING, type ToolEnd } from './running-tool.ts'

export interface ToolAnswer extends ToolEnd {
  stdout: string
}

/** From the last byte that it was given to its end, ms: what it still holds is on its way then. */
const END_MS = 60_000

/**
 * At once, for one store. A tool of Ceph has 16 threads and 25 to 115 MB: all of them together stay below the 512 tasks that the
 * unit of systemd lets a node have.
 */
const STREAMS_MAX = 16
/** What only looks or marks does not wait behind those. */
const COMMANDS_MAX = 8
/** Who reads less than that in such a time gives way to those that wait: 4 MiB/s. */
const TURN_MS = 10_000
const TURN_BYTES_MIN = 40 * 1024 ** 2

export class BackendTool {
  readonly #clock: Clock
  readonly #id: string
  readonly #streams = new Semaphore(STREAMS_MAX)
  readonly #commands = new Semaphore(COMMANDS_MAX)
  /** Tools that have given way and are not gone yet. */
  #leaving = 0

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

  /**
   * To be read, by whoever owes it `kill` then. It is killed with `signal`, too; and when it is read slowly while others wait: its
   * pieces end with GaveWayError then, and who wants more asks again behind them.
   */
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
    this.#shareTurn(running)
    return running
  }

  #shareTurn(running: RunningTool): void {
    let cancel = () => {}
    const look = (before: number) => {
      cancel = this.#clock.after(TURN_MS, () => {
        const isSlow = running.takenBytes - before < TURN_BYTES_MIN
        if (!isSlow || this.#streams.waiting <= this.#leaving) return look(running.takenBytes)
        this.#leaving++
        void running.ended.then(() => this.#leaving--)
        running.giveWay()
      })
    }
    look(0)
    void running.ended.then(() => cancel())
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
