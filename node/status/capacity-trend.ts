/**
 * How full this node's disk was since it started, in bounded memory: when there are too many samples every second one goes
 * and they are taken half as often. And what that says of the future.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { Clock } from '../../cluster/runtime.ts'

export interface CapacitySample {
  /** Wall time, ms. */
  atMs: number
  storedBytes: number
  freeBytes: number
}

export interface CapacityForecast {
  /** Of the used space; negative when it shrinks. Null while the node is up for too short a time to tell. */
  growthBytesPerDay: number | null
  /** Until the node takes no more image data, at this pace; null: never, or not known. */
  daysUntilFull: number | null
}

/** What is on the disk now; `freeBytesMin` is kept free. */
export interface DiskNow {
  freeBytes: number
  freeBytesMin: number
}

const SAMPLES_MAX = 240
const EVERY_MS_FIRST = 10_000
const DAY_MS = 24 * 3600 * 1000
/** One upload is no trend. */
const SPAN_MS_MIN = 3600 * 1000
/** Longer than ten years is never. */
const DAYS_MAX = 3650

export class CapacityTrend {
  readonly #clock: Clock
  readonly #look: () => Omit<CapacitySample, 'atMs'>
  #samples: CapacitySample[] = []
  #everyMs = EVERY_MS_FIRST
  #cancel = () => {}

  constructor(clock: Clock, look: () => Omit<CapacitySample, 'atMs'>) {
    this.#clock = clock
    this.#look = look
  }

  get samples(): readonly CapacitySample[] {
    return this.#samples
  }

  start(): void {
    this.#take()
  }

  stop(): void {
    this.#cancel()
  }

  forecast({ freeBytes, freeBytesMin }: DiskNow): CapacityForecast {
    const growth = growthPerDay(this.#samples)
    const room = Math.max(0, freeBytes - freeBytesMin)
    const days = growth !== null && growth > 0 ? room / growth : null
    return {
      growthBytesPerDay: growth === null ? null : Math.round(growth),
      daysUntilFull: days !== null && days <= DAYS_MAX ? days : null,
    }
  }

  #take(): void {
    this.#samples.push({ atMs: this.#clock.wallMs(), ...this.#look() })
    if (this.#samples.length > SAMPLES_MAX) {
      // The newest stays.
      this.#samples = this.#samples.filter((_, index) => index % 2 === 0)
      this.#everyMs *= 2
    }
    this.#cancel = this.#clock.after(this.#everyMs, () => this.#take())
  }
}

/** The slope of the line that fits the free space best. */
function growthPerDay(samples: readonly CapacitySample[]): number | null {
  const [first] = samples
  const last = samples.at(-1)
  if (!first || !last || last.atMs - first.atMs < SPAN_MS_MIN) return null
  const count = samples.length
  const meanAt = samples.reduce((sum, { atMs }) => sum + atMs, 0) / count
  const meanFree = samples.reduce((sum, { freeBytes }) => sum + freeBytes, 0) / count
  let covariance = 0
  let variance = 0
  for (const { atMs, freeBytes } of samples) {
    covariance += (atMs - meanAt) * (freeBytes - meanFree)
    variance += (atMs - meanAt) ** 2
  }
  return (-covariance / variance) * DAY_MS
}

/** Throws BAD_FRAME. */
export function decodeSamples(value: unknown): CapacitySample[] {
  if (!Array.isArray(value) || value.length > SAMPLES_MAX || !value.every(isSample))
    throw new ClusterError('BAD_FRAME', 'the capacity of a node is malformed')
  return value
}

function isSample(value: unknown): value is CapacitySample {
  const { atMs, storedBytes, freeBytes } = (value ?? {}) as Partial<CapacitySample>
  return [atMs, storedBytes, freeBytes].every(Number.isFinite)
}
