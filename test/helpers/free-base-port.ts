/** Finds ports for the processes of a test. */
import { busyPorts } from '../../deploy/dev/free-ports.ts'

/** Below the range from which the kernel takes ports for outgoing connections. */
const FIRST = 20_000
const LAST = 30_000
const ATTEMPTS_MAX = 50

/** The first of `count` ports in a row that nobody uses now. Random, since tests run side by side. */
export async function freeBasePort(count: number): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const base = FIRST + Math.floor(Math.random() * (LAST - FIRST - count))
    const ports = Array.from({ length: count }, (_, index) => base + index)
    if ((await busyPorts('127.0.0.1', ports)).length === 0) return base
  }
  throw new Error(`found no ${count} free ports in a row`)
}
