/** How much memory a process has used, by its own /proc entry. */
import { readFile } from 'node:fs/promises'

/** The most that was resident at any time since it started, bytes. */
export function residentPeakBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmHWM')
}

/** What is resident now, bytes. */
export function residentBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmRSS')
}

/** A line of proc(5)'s status. */
async function statusBytes(pid: number, name: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  const [, kibibytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text) ?? []
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${name}`)
  return Number(kibibytes) * 1024
}
