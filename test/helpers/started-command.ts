/** The built `serac` as a child that a test may end before it has ended itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { CommandResult } from './run-command.ts'
import { NODE_COMMAND } from './probe-cluster.ts'

export interface StartedCommand {
  child: ChildProcess
  ended: Promise<CommandResult>
}

export function startSerac(args: readonly string[]): StartedCommand {
  const [command = '', ...rest] = NODE_COMMAND
  const child = spawn(command, [...rest, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const outputs = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'close').then(async () => {
    const [stdout, stderr] = await outputs
    return { exitCode: child.exitCode, stdout, stderr }
  })
  return { child, ended }
}
