/**
 * Runs that are compared in pairs: all servers take their turn in each round, in the reverse order of the round before, so
 * that whatever else the machine does meets them alike.
 */
import type { Seen } from './watch.ts'

/** One run of one measure at one server. */
export interface Run extends Seen {
  seconds: number
  /** Bytes of images that moved; 0 where requests are counted. */
  bytes: number
  operations: number
}

export interface Range {
  median: number
  min: number
  max: number
}

export interface DataRow {
  what: string
  where: string
  runs: number
  /** MiB/s of images, or operations a second; 0 for a server that was left alone. */
  speed: Range
  unit: 'MiB/s' | '/s'
  /** By how much it is faster than the server it is compared with, pair by pair; null for that one itself. */
  ratio: Range | null
  /** Of all processes of the server, per GiB, per 1000 operations, or per second for one that was left alone. */
  cpuSeconds: Range
  residentMiB: number
  loopDelayMs: number | null
  slowestHealthMs: number
}

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const OPERATIONS = 1000

export async function inRounds<Server>(
  servers: readonly Server[],
  rounds: number,
  run: (server: Server) => Promise<Run>,
): Promise<Map<Server, Run[]>> {
  const runs = new Map<Server, Run[]>(servers.map((server) => [server, []]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? servers : servers.toReversed()
    for (const server of order) runs.get(server)?.push(await run(server))
  }
  return runs
}

/** `compared`: the runs of the other server in the same rounds. */
export function summarize(
  name: { what: string; where: string },
  runs: readonly Run[],
  compared: readonly Run[] | null,
): DataRow {
  const ratios = compared?.map((other, round) => speedOf(runs[round] as Run) / speedOf(other)) ?? null
  const delays = runs.map(({ loopDelayMs }) => loopDelayMs).filter((delay) => delay !== null)
  return {
    ...name,
    runs: runs.length,
    speed: rangeOf(runs.map(speedOf)),
    unit: (runs[0]?.bytes ?? 0) > 0 ? 'MiB/s' : '/s',
    ratio: ratios && rangeOf(ratios),
    cpuSeconds: rangeOf(runs.map(cpuOf)),
    residentMiB: Math.round(Math.max(...runs.map(({ residentBytes }) => residentBytes)) / MIB),
    loopDelayMs: delays.length > 0 ? Math.max(...delays) : null,
    slowestHealthMs: Math.round(Math.max(...runs.map(({ slowestHealthMs }) => slowestHealthMs))),
  }
}

function speedOf({ bytes, operations, seconds }: Run): number {
  return (bytes > 0 ? bytes / MIB : operations) / seconds
}

function cpuOf({ bytes, operations, cpuMs, seconds }: Run): number {
  const amount = bytes > 0 ? bytes / GIB : operations > 0 ? operations / OPERATIONS : seconds
  return cpuMs / 1000 / amount
}

/** The median of an even number is the mean of the middle two. */
export function rangeOf(values: readonly number[]): Range {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? 0
  const middle = (sorted.length - 1) / 2
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2
  return { median, min: at(0), max: at(sorted.length - 1) }
}
