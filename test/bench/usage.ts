/** What processes use, as Linux tells. */
import { readFile } from 'node:fs/promises'

/** Positions in /proc/PID/stat after the command name; see proc(5). */
const USER_TICKS = 11
const SYSTEM_TICKS = 12
/** The kernel counts in ticks of 10 ms for user space, on every platform of ours. */
const TICK_MS = 10
const KIB = 1024

export class UsageMeter {
  readonly #pids: readonly number[]

  constructor(pids: readonly number[]) {
    this.#pids = pids
  }

  /** CPU time of all processes so far. */
  async cpuMs(): Promise<number> {
    const each = await Promise.all(this.#pids.map(cpuMsOf))
    return each.reduce((sum, ms) => sum + ms, 0)
  }

  /** Resident memory of each process now, bytes. */
  residentBytes(): Promise<number[]> {
    return Promise.all(this.#pids.map(residentBytesOf))
  }
}

async function cpuMsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * TICK_MS
}

async function residentBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIB
}
