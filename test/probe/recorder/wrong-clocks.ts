/**
 * Wall clocks that are minutes apart, by libfaketime (Debian package `faketime`). Its monotonic clock stays the real one:
 * no machine has another.
 */
import { existsSync } from 'node:fs'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketime.so.1`,
)
/** Either way; a machine without time service drifts by less in a year. */
const OFFSET_MINUTES_MAX = 15

export class WrongClocks {
  readonly #library: string
  readonly #random: SeededRandom

  private constructor(library: string, random: SeededRandom) {
    this.#library = library
    this.#random = random
  }

  /** null when libfaketime is not installed. */
  static find(random: SeededRandom): WrongClocks | null {
    const library = LIBRARIES.find((path) => existsSync(path))
    return library === undefined ? null : new WrongClocks(library, random)
  }

  /** Goes before a command; another offset at each call. */
  wrapper(): string[] {
    const minutes = this.#random.below(2 * OFFSET_MINUTES_MAX + 1) - OFFSET_MINUTES_MAX
    const offset = `FAKETIME=${minutes < 0 ? '' : '+'}${minutes}m`
    return [
      'env',
      `LD_PRELOAD=${this.#library}`,
      offset,
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
      'DONT_FAKE_MONOTONIC=1',
    ]
  }
}
