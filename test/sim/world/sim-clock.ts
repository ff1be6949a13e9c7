/** One node's clocks: a wall clock that is wrong and may jump, a monotonic one that runs too fast or too slow. */
import type { Clock } from '../../../cluster/runtime.ts'
import type { SimWorld } from './sim-world.ts'

/** How wrong a node's clocks are. Belongs to the machine: it outlives the process. */
export interface ClockError {
  /** Added to wall time; jumps change it. */
  wallSkewMs: number
  /** Seconds that pass here in one second. */
  rate: number
}

/** 2026-01-01. */
const EPOCH_MS = 1767225600000

/** `run`: how an action is run on the node; it knows whether the node is alive or paused. */
export function simClock(world: SimWorld, error: ClockError, run: (action: () => void) => void): Clock {
  return {
    wallMs: () => EPOCH_MS + world.nowMs + error.wallSkewMs,
    monotonicMs: () => world.nowMs * error.rate,
    after: (delayMs, action) => world.after(delayMs / error.rate, () => run(action)),
  }
}
