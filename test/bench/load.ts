/** Closed-loop load: each client sends its next request when it has the answer to the one before. */
import { HttpConnection } from './http-connection.ts'
import type { UsageMeter } from './usage.ts'

export interface LoadPlan {
  /** Where clients connect to, in turn. */
  ports: readonly number[]
  clients: number
  seconds: number
  /** The next request of any client. */
  next: () => Buffer
  /** Every other status counts as a failure of the benchmark. */
  expectedStatus: number
}

export interface LoadResult {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** CPU of all measured processes, per operation. */
  cpuMs: number
}

/** Throws when an answer has another status than the expected one: a wrong answer has no speed. */
export async function runLoad(plan: LoadPlan, usage: UsageMeter): Promise<LoadResult> {
  const { ports, clients } = plan
  const connections = await Promise.all(
    Array.from({ length: clients }, (_, i) => HttpConnection.open(ports[i % ports.length] as number)),
  )
  const latenciesMs: number[] = []
  const cpuBeforeMs = await usage.cpuMs()
  const beganMs = performance.now()
  await Promise.all(connections.map((connection) => drive(connection, plan, beganMs, latenciesMs)))
  const elapsedMs = performance.now() - beganMs
  const cpuMs = (await usage.cpuMs()) - cpuBeforeMs
  for (const connection of connections) connection.close()
  latenciesMs.sort((a, b) => a - b)
  return {
    perSecond: (latenciesMs.length / elapsedMs) * 1000,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuMs: cpuMs / latenciesMs.length,
  }
}

async function drive(
  connection: HttpConnection,
  { seconds, next, expectedStatus }: LoadPlan,
  beganMs: number,
  latenciesMs: number[],
): Promise<void> {
  const endMs = beganMs + seconds * 1000
  for (let sentMs = performance.now(); sentMs < endMs;) {
    const { status, body } = await connection.send(next())
    if (status !== expectedStatus) throw new Error(`answered ${status}: ${body.toString('utf8', 0, 300)}`)
    const nowMs = performance.now()
    latenciesMs.push(nowMs - sentMs)
    sentMs = nowMs
  }
}

/** Of sorted values; 0 for none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** The middle one by speed of several runs. */
export function medianRun(runs: readonly LoadResult[]): LoadResult {
  const sorted = runs.toSorted((a, b) => a.perSecond - b.perSecond)
  return sorted[Math.floor((sorted.length - 1) / 2)] as LoadResult
}
