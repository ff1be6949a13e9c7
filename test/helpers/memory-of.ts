/** How much memory a process has used, by its own /proc entry. */
import { readFile } from 'node:fs/promises'

/** The most that was resident at any time since it started, bytes: VmHWM of proc(5). */
export async function residentPeakBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(text) ?? []
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`)
  return Number(kibibytes) * 1024
}
