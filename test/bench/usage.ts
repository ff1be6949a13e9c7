/** What processes use, as Linux tells. */
import { readdir, readFile } from 'node:fs/promises'

/** Positions in /proc/PID/stat after the command name; see proc(5). */
const USER_TICKS = 11
const SYSTEM_TICKS = 12
const GROUP = 2
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

/** Every process of these process groups: servers that fork workers. */
export async function processesOf(groups: readonly number[]): Promise<number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const groupOf = (pid: number) =>
    statOf(pid).then(
      (fields) => Number(fields[GROUP]),
      () => null,
    )
  const found = await Promise.all(all.map(async (pid) => ({ pid, group: await groupOf(pid) })))
  return found.filter(({ group }) => group !== null && groups.includes(group)).map(({ pid }) => pid)
}

async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function cpuMsOf(pid: number): Promise<number> {
  const fields = await statOf(pid)
  return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * TICK_MS
}

async function residentBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIB
}
