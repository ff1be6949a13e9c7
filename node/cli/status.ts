/** `serac status`. */
import type { ClusterStatus, Verdict } from '../status/status-types.ts'
import { type CliIo, EXIT_NOT_ASKED } from './cli-io.ts'
import { credentials } from './operator-client.ts'
import { renderStatus, type StatusFormat } from './status-view.ts'

const EXIT_CODES: Readonly<Record<Verdict, number>> = { HEALTHY: 0, DEGRADED: 1, 'READ-ONLY': 2, CRITICAL: 3 }
/** A node answers within 2 s even when its peers do not; more means that it hangs. */
const ANSWER_LIMIT_MS = 10_000

/** Prints the status that the node at `url` reports; resolves with the exit code, which follows the verdict. */
export async function printStatus(
  url: string,
  format: StatusFormat,
  io: Pick<CliIo, 'print' | 'complain'>,
): Promise<number> {
  let status: ClusterStatus
  try {
    status = await fetchStatus(url)
  } catch (error) {
    io.complain(`serac: could not ask ${url}: ${plainReason(error)}\n`)
    return EXIT_NOT_ASKED
  }
  io.print(renderStatus(status, format))
  return EXIT_CODES[status.verdict]
}

/** Asks the operator port at `url`. Throws when it does not answer with a status. */
export async function fetchStatus(url: string): Promise<ClusterStatus> {
  const response = await fetch(new URL('/v1/cluster/status', url), {
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    headers: credentials(),
  })
  if (!response.ok) throw new Error(`it answered ${response.status} ${response.statusText}`)
  const answer: unknown = await response.json().catch(() => null)
  if (!isStatus(answer)) throw new Error('the answer is no cluster status; is this the operator port?')
  return answer
}

function isStatus(answer: unknown): answer is ClusterStatus {
  const { verdict } = (answer ?? {}) as { verdict?: unknown }
  return typeof verdict === 'string' && Object.hasOwn(EXIT_CODES, verdict)
}

/** fetch hides the reason (ECONNREFUSED and the like) in the cause of "fetch failed". */
function plainReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_LIMIT_MS / 1000} s`
  return error.cause instanceof Error ? error.cause.message : error.message
}
