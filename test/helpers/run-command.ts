/** Runs a program to its end and gives back what a shell would see. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'

export interface CommandResult {
  /** null when a signal ended it. */
  exitCode: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  environment?: NodeJS.ProcessEnv
  /** Comes through a pipe as stdin; empty when not given. */
  input?: Readable
  /** Sees stdout as it comes, with the process to act upon. */
  onOutput?: (piece: string, pid: number) => void
}

export async function runCommand(
  program: string,
  args: readonly string[],
  { environment = process.env, input = Readable.from([]), onOutput }: CommandOptions = {},
): Promise<CommandResult> {
  // As from a shell: the test runner puts hooks of its own into NODE_OPTIONS of every child.
  const command = ['-u', 'NODE_OPTIONS', program, ...args]
  const child = spawn('env', command, { env: environment })
  child.stdout.setEncoding('utf8')
  if (onOutput !== undefined) child.stdout.on('data', (piece: string) => onOutput(piece, child.pid!))
  const closed = once(child, 'close')
  // A program that ends early does not want the rest; its exit code and stderr tell why.
  pipeline(input, child.stdin).catch(() => {})
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await closed
  return { exitCode: child.exitCode, stdout, stderr }
}
