/**
 * OpenStack's command-line clients, as Debian packages them, going from node to node: each command is sent to another node
 * than the one before, so whatever a command relies on was done elsewhere.
 */
import type { Test } from 'tap'
import type { CommandResult } from '../helpers/run-command.ts'
import { cleanEnvironment, type Command, CommandHost } from './command-host.ts'

export interface RoamingClientOptions {
  host: CommandHost
  program: Command['program']
  /** The arguments that make it talk to the API at `url`. */
  target: (url: string) => string[]
  /** Or what stands for them to the program. */
  urls: readonly string[]
  environment: Record<string, string>
}

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

  /** Runs a command that must succeed, with the file `input` as its stdin; resolves with its stdout. */
  async run(args: readonly string[], input?: string): Promise<string> {
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

  /** Runs a command that says what went wrong, and all the same ends as if nothing had; resolves with all that it said. */
  async complaint(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.#run(args)
    if (exitCode === 0 && stderr !== '') return stdout + stderr
    throw new Error(`'${args.join(' ')}' was to complain and ended with ${exitCode}: ${stderr}${stdout}`)
  }

  #run(args: readonly string[], input?: string): Promise<CommandResult> {
    const { host, program, target, urls, environment } = this.#options
    const url = urls[this.#turn++ % urls.length]!
    return host.run({ program, args: [...target(url), ...args], environment, input })
  }
}

/** python3-glanceclient. Its `--os-auth-type none` asks for a user name all the same; a token and a URL will do. */
export async function glanceClient(
  t: Test,
  urls: readonly string[],
  apiVersion: 1 | 2 = 2,
): Promise<RoamingClient> {
  const version = ['--os-image-api-version', String(apiVersion)]
  const target = (url: string) => [...version, '--os-image-url', url, '--os-auth-token', 'none']
  const host = await CommandHost.start(t)
  return new RoamingClient({ host, program: 'glance', target, urls, environment: await cleanEnvironment(t) })
}

/** python3-openstackclient. */
export async function openstackClient(t: Test, urls: readonly string[]): Promise<RoamingClient> {
  const target = (url: string) => ['--os-auth-type', 'none', '--os-endpoint', url]
  const host = await CommandHost.start(t)
  return new RoamingClient({
    host,
    program: 'openstack',
    target,
    urls,
    environment: await cleanEnvironment(t),
  })
}
