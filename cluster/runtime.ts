/**
 * The ports through which the modules meet time, chance and the log. Production hands in the real ones (below and in
 * node/daemon.ts); the simulation hands in its own, so the very same modules run in both.
 */
import { randomFillSync } from 'node:crypto'
import { setMaxListeners } from 'node:events'

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

/** A timer that comes this late, ms, says that this node's own event loop stood still, not that others were silent. */
export const LATE_TIMER_MS = 250

/** The real clock. Timers do not keep the process alive: what must stay up holds a socket or a handle. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Fetched from the operating system at once: every request takes an id of 16 bytes, and each call costs microseconds. */
const RANDOM_POOL_BYTES = 8192

/** Randomness from the operating system. */
export const systemRandom: Random = { bytes: pooledBytes(), float: () => Math.random() }

function pooledBytes(): Random['bytes'] {
  const pool = new Uint8Array(RANDOM_POOL_BYTES)
  let usedBytes = RANDOM_POOL_BYTES
  return (count) => {
    if (count > RANDOM_POOL_BYTES) return randomFillSync(new Uint8Array(count))
    if (usedBytes + count > RANDOM_POOL_BYTES) {
      randomFillSync(pool)
      usedBytes = 0
    }
    const from = usedBytes
    usedBytes += count
    const taken = pool.slice(from, usedBytes)
    // What was given out is kept nowhere else: it may become a key.
    pool.fill(0, from, usedBytes)
    return taken
  }
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

/**
 * A signal that ends whatever a part of the node is about when it stops: any number of waits listen to it at once, of which
 * Node would warn as a leak at the eleventh. Each wait must take its listener back when it ends.
 */
export function stopController(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
