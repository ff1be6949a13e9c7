/** Runs a program to its end and gives back what a shell would see. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface CommandResult {
  /** null when a signal ended it. */
  exitCode: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  environment?: NodeJS.ProcessEnv
  /** Sees stdout as it comes, with the process to act upon. */
  onOutput?: (piece: string, pid: number) => void
}

export async function runCommand(
  program: string,
  args: readonly string[],
  { environment = process.env, onOutput }: CommandOptions = {},
): Promise<CommandResult> {
  // As from a shell: the test runner puts hooks of its own into NODE_OPTIONS of every child.
  const command = ['-u', 'NODE_OPTIONS', program, ...args]
  const child = spawn('env', command, { stdio: ['ignore', 'pipe', 'pipe'], env: environment })
  child.stdout.setEncoding('utf8')
  if (onOutput !== undefined) child.stdout.on('data', (piece: string) => onOutput(piece, child.pid!))
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await closed
  return { exitCode: child.exitCode, stdout, stderr }
}
