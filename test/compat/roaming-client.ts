/**
 * OpenStack's command-line clients, as Debian packages them, going from node to node: each command is sent to another node
 * than the one before, so whatever a command relies on was done elsewhere.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { type CommandResult, runCommand } from '../helpers/run-command.ts'

export interface RoamingClientOptions {
  /** The program and the arguments that make it talk to the API at `url`. */
  command: (url: string) => string[]
  /** Or what stands for them to the program. */
  urls: readonly string[]
  environment: NodeJS.ProcessEnv
}

/** Past any start on a busy machine; ends a client that waits for ever with the exit code 124. */
const COMMAND_LIMIT_SECONDS = 90

export class RoamingClient {
  readonly #options: RoamingClientOptions
  #turn = 0

  constructor(options: RoamingClientOptions) {
    this.#options = options
  }

  /** The same program, with `url` in place of the nodes. */
  at(url: string): RoamingClient {
    return new RoamingClient({ ...this.#options, urls: [url] })
  }

  /** Runs a command that must succeed, with `input` as its stdin; resolves with its stdout. */
  async run(args: readonly string[], input?: Readable): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(args, input)
    if (exitCode === 0) return stdout
    throw new Error(`'${args.join(' ')}' ended with ${exitCode}: ${stderr}${stdout}`)
  }

  /** Runs a command that must fail; resolves with all that it said. */
  async refusal(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(args)
    if (exitCode === 1) return stdout + stderr
    throw new Error(`'${args.join(' ')}' was to fail and ended with ${exitCode}: ${stderr}${stdout}`)
  }

  #run(args: readonly string[], input?: Readable): Promise<CommandResult> {
    const { command, urls, environment } = this.#options
    const url = urls[this.#turn++ % urls.length]!
    const limited = [String(COMMAND_LIMIT_SECONDS), ...command(url), ...args]
    return runCommand('timeout', limited, { environment, ...(input && { input }) })
  }
}

/** python3-glanceclient. Its `--os-auth-type none` asks for a user name all the same; a token and a URL will do. */
export async function glanceClient(t: Test, urls: readonly string[]): Promise<RoamingClient> {
  const command = (url: string) => ['glance', '--os-image-url', url, '--os-auth-token', 'none']
  return new RoamingClient({ command, urls, environment: await cleanEnvironment(t) })
}

/** python3-openstackclient. */
export async function openstackClient(t: Test, urls: readonly string[]): Promise<RoamingClient> {
  const command = (url: string) => ['openstack', '--os-auth-type', 'none', '--os-endpoint', url]
  return new RoamingClient({ command, urls, environment: await cleanEnvironment(t) })
}

/** The same with a password, as `environment` has it. Each of `regions` is that of a node. */
export async function openstackUser(
  t: Test,
  regions: readonly string[],
  environment: Record<string, string>,
): Promise<RoamingClient> {
  const command = (region: string) => ['openstack', '--os-region-name', region]
  return new RoamingClient({
    command,
    urls: regions,
    environment: { ...(await cleanEnvironment(t)), ...environment },
  })
}

/**
 * Debian's programs and nothing of this shell's: no OS_* variables, no proxy, no other Python. The clients keep what they
 * learn in the home directory, glance the image schema, which must come from these nodes.
 */
async function cleanEnvironment(t: Test): Promise<NodeJS.ProcessEnv> {
  const home = await mkdtemp(join(tmpdir(), 'serac-compat-home-'))
  t.teardown(() => rm(home, { recursive: true }))
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, LC_ALL: 'C.UTF-8' }
}
