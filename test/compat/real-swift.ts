/** A real Swift of Debian's packages, three replicas, with TempAuth and its S3 API. */
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

const SCRIPTS = join(PROJECT_ROOT, 'test/compat/swift')
/** As swift-up lays them out behind the first. */
const PORTS = 34

export class RealSwift {
  static readonly user = 'test:tester'
  static readonly key = 'testing'
  readonly url: string
  readonly #directory: string
  readonly #port: number

  private constructor(directory: string, port: number) {
    this.#directory = directory
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(t: Test): Promise<RealSwift> {
    await run('install')
    // Outside of the project, whose own directories the test runner empties first.
    const directory = await mkdtemp(join(tmpdir(), 'serac-swift-'))
    const swift = new RealSwift(directory, await freeBasePort(PORTS))
    t.teardown(() => run('swift-down', directory, '--wipe'))
    await swift.revive()
    return swift
  }

  /** Starts what does not run. */
  async revive(): Promise<void> {
    await run('swift-up', this.#directory, String(this.#port))
  }

  /** Ends the proxy, by SIGKILL with its workers. */
  async killProxy(): Promise<void> {
    const pid = Number(await readFile(join(this.#directory, 'pids/proxy.pid'), 'utf8'))
    process.kill(-pid, 'SIGKILL')
  }

  /** Names of the objects in a container or bucket, segments included. */
  async list(container: string): Promise<string[]> {
    const login = await fetch(`${this.url}/auth/v1.0`, {
      headers: { 'x-auth-user': RealSwift.user, 'x-auth-key': RealSwift.key },
    })
    const headers = { 'x-auth-token': login.headers.get('x-auth-token') ?? '' }
    const url = `${login.headers.get('x-storage-url')}/${container}?format=json`
    const answer = await fetch(url, { headers })
    if (answer.status === 404) return []
    if (!answer.ok) throw new Error(`${container} answers ${answer.status}`)
    return ((await answer.json()) as { name: string }[]).map(({ name }) => name)
  }
}

async function run(script: string, ...args: string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(join(SCRIPTS, script), args)
  if (exitCode !== 0) throw new Error(`${script} failed: ${stderr}`)
}
