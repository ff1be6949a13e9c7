/** Finds ports for the processes of a test. */
import { busyPorts, takePort } from '../../deploy/dev/free-ports.ts'

const HOST = '127.0.0.1'
/** All below the range from which the kernel takes ports for outgoing connections. */
const FIRST = 20_000
const BLOCK_PORTS = 50
const BLOCKS = 200
/** Who listens on the port of a block here has that block, so that tests that run side by side never share one. */
const FIRST_GUARD = 30_000

/**
 * The first of `count` ports in a row that nobody uses now, and that nobody else gets before this process ends: not even
 * while the nodes of a test are down, and what they listened on looks free.
 */
export async function freeBasePort(count: number): Promise<number> {
  const span = Math.ceil(count / BLOCK_PORTS)
  const places = BLOCKS - span + 1
  const start = Math.floor(Math.random() * places)
  for (let turn = 0; turn < places; turn++) {
    const block = (start + turn) % places
    if (!(await reserve(block, span))) continue
    const base = FIRST + block * BLOCK_PORTS
    const ports = Array.from({ length: count }, (_, index) => base + index)
    if ((await busyPorts(HOST, ports)).length === 0) return base
  }
  throw new Error(`found no ${count} free ports in a row`)
}

/** Until this process ends. Blocks that were had before one is missing stay reserved: there are enough. */
async function reserve(block: number, span: number): Promise<boolean> {
  for (let i = 0; i < span; i++) if (!(await takePort(HOST, FIRST_GUARD + block + i))) return false
  return true
}
