/** OpenStack's command-line clients, loaded once for many commands: see command-host.py. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Test } from 'tap'
import type { CommandResult } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

export interface Command {
  program: 'glance' | 'openstack'
  args: readonly string[]
  environment: Record<string, string>
  /** A file that comes through a pipe as stdin; a terminal on which nobody types when not given. */
  input?: string | undefined
}

const PROGRAM = join(PROJECT_ROOT, 'test/compat/command-host.py')
/** Past any answer on a busy machine; SIGALRM ends a client that waits for ever. */
const COMMAND_LIMIT_SECONDS = 90

export class CommandHost {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string, undefined>
  /** One command after the other. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(child: ChildProcessWithoutNullStreams, lines: Interface) {
    this.#child = child
    this.#answers = lines[Symbol.asyncIterator]() as AsyncIterator<string, undefined>
  }

  /** Runs until `t` ends. */
  static async start(t: Test): Promise<CommandHost> {
    const child = spawn('/usr/bin/python3', [PROGRAM], { env: await cleanEnvironment(t) })
    child.stderr.pipe(process.stderr)
    t.teardown(() => child.stdin.end())
    return new CommandHost(child, createInterface(child.stdout))
  }

  run(command: Command): Promise<CommandResult> {
    const result = this.#last.then(() => this.#run(command))
    this.#last = result.catch(() => {})
    return result
  }

  async #run({ input, ...command }: Command): Promise<CommandResult> {
    const request = { ...command, input: input ?? null, limitSeconds: COMMAND_LIMIT_SECONDS }
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value } = await this.#answers.next()
    if (value === undefined) throw new Error('the host of the clients ended, see its stderr')
    return JSON.parse(value) as CommandResult
  }
}

/**
 * Debian's programs and nothing of this shell's: no OS_* variables, no proxy, no other Python. The clients keep what they
 * learn in the home directory, glance the image schema, which must come from these nodes.
 */
export async function cleanEnvironment(t: Test): Promise<Record<string, string>> {
  const home = await mkdtemp(join(tmpdir(), 'serac-compat-home-'))
  t.teardown(() => rm(home, { recursive: true }))
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, LC_ALL: 'C.UTF-8' }
}
