/** Looks at a server while it is measured: memory, event loop, and how long /healthcheck takes. */
import type { ImageServer } from './image-server.ts'
import { HttpConnection, requestBytes } from './http-connection.ts'
import { UsageMeter } from './usage.ts'

export interface Seen {
  /** CPU time of all its processes, ms. */
  cpuMs: number
  /** Peak of the largest process, bytes. */
  residentBytes: number
  /** Null where nobody says. */
  loopDelayMs: number | null
  slowestHealthMs: number
}

const HEALTHCHECK = requestBytes('GET', '/healthcheck')
/** Often enough to meet a delay that a load balancer would, rarely enough to cost nothing. */
const HEALTH_PAUSE_MS = 100
const MEMORY_PAUSE_MS = 100

/** Does `work` and tells what was seen of the server meanwhile. */
export async function watched(server: ImageServer, work: () => Promise<void>): Promise<Seen> {
  const usage = new UsageMeter(await server.pids())
  const over = new AbortController()
  const cpuBeforeMs = await usage.cpuMs()
  const health = slowestHealth(server.port, over.signal)
  const memory = peakMemory(usage, over.signal)
  try {
    await work()
  } finally {
    over.abort()
  }
  const cpuMs = (await usage.cpuMs()) - cpuBeforeMs
  const loopDelayMs = await server.loopDelayMs()
  return { cpuMs, loopDelayMs, residentBytes: await memory, slowestHealthMs: await health }
}

/** Of all answers, and of the one that was still awaited at the end. */
async function slowestHealth(port: number, over: AbortSignal): Promise<number> {
  const connection = await HttpConnection.open(port)
  let slowestMs = 0
  while (!over.aborted) {
    const sentMs = performance.now()
    await connection.send(HEALTHCHECK)
    slowestMs = Math.max(slowestMs, performance.now() - sentMs)
    await pause(HEALTH_PAUSE_MS)
  }
  connection.close()
  return slowestMs
}

async function peakMemory(usage: UsageMeter, over: AbortSignal): Promise<number> {
  let peakBytes = 0
  do {
    peakBytes = Math.max(peakBytes, ...(await usage.residentBytes()))
    await pause(MEMORY_PAUSE_MS)
  } while (!over.aborted)
  return peakBytes
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
