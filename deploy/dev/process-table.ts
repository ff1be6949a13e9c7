/** What Linux says about a process. */
import { readFile } from 'node:fs/promises'

export interface ProcessFacts {
  /** Clock ticks since the boot at which it began; with the pid, this names one process and no later one. */
  startTicks: string
  isStopped: boolean
}

/** Positions in /proc/PID/stat after the command name, which may itself hold blanks and brackets; see proc(5). */
const STATE = 0
const THREADS = 17
const START_TICKS = 19

/** null when there is no such process, or only what its parent has not fetched yet. */
export async function lookUpProcess(pid: number): Promise<ProcessFacts | null> {
  let text: string
  try {
    text = await readFile(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw error
  }
  return parseStat(text)
}

/** The content of /proc/PID/stat. A killed process has its files, and the locks on them, until its last thread is gone. */
export function parseStat(text: string): ProcessFacts | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[STATE] ?? ''
  const isGone = state === 'X' || (state === 'Z' && Number(fields[THREADS]) <= 1)
  if (isGone) return null
  return { startTicks: fields[START_TICKS] ?? '', isStopped: state === 'T' }
}
