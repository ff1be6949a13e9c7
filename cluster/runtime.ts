/**
 * The ports through which the modules meet time, chance and the log. Production hands in the real ones (below and in
 * node/daemon.ts); the simulation hands in its own, so the very same modules run in both.
 */
import { randomBytes } from 'node:crypto'

/** Time. Nothing in Serac is ordered by it: it only proposes, shows and paces. */
export interface Clock {
  /** Wall time in ms since 1970; may jump. */
  wallMs(): number
  /** Milliseconds that never jump and never run back; their zero means nothing. */
  monotonicMs(): number
  /** Calls `action` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, action: () => void): () => void
}

/** Chance. */
export interface Random {
  bytes(count: number): Uint8Array
  /** Uniform in [0, 1). */
  float(): number
}

/** What a module may say; pino has this shape. Never put a token, a key or image bytes into `fields`. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The real clock. Timers do not keep the process alive: what must stay up holds a socket or a handle. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Randomness from the operating system. */
export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  float: () => Math.random(),
}

/** For tests and tools that want silence. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** Resolves after `delayMs` of `clock`, or rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = () => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
