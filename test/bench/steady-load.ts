/** A light load that goes on: clients that read and change images in turn with pauses, so that each answer's time counts. */
import { HttpConnection } from './http-connection.ts'
import { quantile } from './load.ts'

export type RequestKind = 'read' | 'write'

export interface SteadyPlan {
  ports: readonly number[]
  clients: number
  /** Between an answer and the next request of a client, ms. */
  pauseMs: number
  next: (kind: RequestKind) => Buffer
}

export interface SteadyResult {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** The longest time without an answer to any such request. */
  longestGapMs: number
  failures: number
  /** What the last of them said. */
  lastFailure: string | null
}

interface Answered {
  atMs: number
  tookMs: number
}

const KINDS: readonly RequestKind[] = ['write', 'read']
const GOOD_STATUS = 200

export class SteadyLoad {
  readonly #plan: SteadyPlan
  readonly #clients: Promise<void>[]
  #answered = { read: [] as Answered[], write: [] as Answered[] }
  #failures = { read: [] as string[], write: [] as string[] }
  #sinceMs = performance.now()
  #isStopping = false

  constructor(plan: SteadyPlan) {
    this.#plan = plan
    this.#clients = Array.from({ length: plan.clients }, (_, i) =>
      this.#drive(plan.ports[i % plan.ports.length] as number),
    )
  }

  /** What happened since the last call. */
  take(): Record<RequestKind, SteadyResult> {
    const [answered, failures, sinceMs, nowMs] = [
      this.#answered,
      this.#failures,
      this.#sinceMs,
      performance.now(),
    ]
    this.#answered = { read: [], write: [] }
    this.#failures = { read: [], write: [] }
    this.#sinceMs = nowMs
    const resultOf = (kind: RequestKind) => ({
      ...summary(answered[kind], sinceMs, nowMs),
      failures: failures[kind].length,
      lastFailure: failures[kind].at(-1) ?? null,
    })
    return { read: resultOf('read'), write: resultOf('write') }
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#clients)
  }

  async #drive(port: number): Promise<void> {
    let connection = await HttpConnection.open(port)
    for (let turn = 0; !this.#isStopping; turn++) {
      const kind = KINDS[turn % KINDS.length] as RequestKind
      const sentMs = performance.now()
      const failure = await connection.send(this.#plan.next(kind)).then(
        ({ status, body }) => (status === GOOD_STATUS ? null : `${status} ${body.toString()}`),
        async (error: Error) => {
          connection.close()
          connection = await HttpConnection.open(port)
          return error.message
        },
      )
      const atMs = performance.now()
      if (failure === null) this.#answered[kind].push({ atMs, tookMs: atMs - sentMs })
      else this.#failures[kind].push(failure)
      await new Promise((resolve) => setTimeout(resolve, this.#plan.pauseMs))
    }
    connection.close()
  }
}

function summary(answered: readonly Answered[], sinceMs: number, nowMs: number) {
  const tookMs = answered.map((one) => one.tookMs).toSorted((a, b) => a - b)
  const moments = [sinceMs, ...answered.map(({ atMs }) => atMs), nowMs]
  const gapsMs = moments.slice(1).map((atMs, i) => atMs - (moments[i] as number))
  return {
    perSecond: (answered.length / (nowMs - sinceMs)) * 1000,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
    longestGapMs: Math.max(...gapsMs),
  }
}
