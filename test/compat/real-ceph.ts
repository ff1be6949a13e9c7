/** A real Ceph of Debian's packages: one monitor, three keepers of data, and radosgw, which speaks S3. */
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

const SCRIPTS = join(PROJECT_ROOT, 'test/compat/ceph')
/** Of the monitor and of radosgw. */
const PORTS = 2

export type CephDaemon = 'mon' | 'osd0' | 'osd1' | 'osd2' | 'rgw'

export class RealCeph {
  /** Of the images, with the rights that Ceph's documentation gives to Glance. */
  static readonly user = 'glance'
  static readonly pool = 'images'
  /** Another pool, of which that user knows nothing. */
  static readonly otherPool = 'vms'
  static readonly accessKey = 'labkey'
  static readonly secretKey = 'labsecret'
  readonly s3Url: string
  readonly #directory: string
  readonly #port: number

  private constructor(directory: string, port: number) {
    this.#directory = directory
    this.#port = port
    this.s3Url = `http://127.0.0.1:${port + 1}`
  }

  static async start(t: Test): Promise<RealCeph> {
    await run(join(SCRIPTS, 'install'))
    // Outside of the project, whose own directories the test runner empties first.
    const directory = await mkdtemp(join(tmpdir(), 'serac-ceph-'))
    const ceph = new RealCeph(directory, await freeBasePort(PORTS))
    t.teardown(() => run(join(SCRIPTS, 'ceph-down'), directory, '--wipe'))
    await ceph.revive()
    return ceph
  }

  /** Path of the ceph.conf that a client has. */
  get conf(): string {
    return join(this.#directory, 'client.conf')
  }

  async fsid(): Promise<string> {
    return (await this.#admin('ceph', 'fsid')).trim()
  }

  /** Secrets of the user, which nobody may be shown. */
  async secrets(): Promise<string[]> {
    const keyring = await readFile(join(this.#directory, 'glance.keyring'), 'utf8')
    return [/key = (\S+)/.exec(keyring)![1]!, RealCeph.secretKey]
  }

  /** Starts what does not run, and waits until all of it answers. */
  async revive(): Promise<void> {
    await run(join(SCRIPTS, 'ceph-up'), this.#directory, String(this.#port))
  }

  /** By SIGKILL. */
  async kill(...daemons: CephDaemon[]): Promise<void> {
    for (const daemon of daemons)
      process.kill(Number(await readFile(join(this.#directory, `pids/${daemon}.pid`), 'utf8')), 'SIGKILL')
  }

  /** As an administrator. */
  rbd(...args: string[]): Promise<string> {
    return this.#admin('rbd', ...args)
  }

  /** Names of the images in the pool. */
  async images(): Promise<string[]> {
    return JSON.parse(await this.rbd('ls', RealCeph.pool, '--format', 'json')) as string[]
  }

  /** Names of the objects in a bucket. */
  async bucket(name: string): Promise<string[]> {
    const list = await this.#admin('radosgw-admin', 'bucket', 'list', `--bucket=${name}`)
    return (JSON.parse(list) as { name: string }[]).map((object) => object.name)
  }

  #admin(program: string, ...args: string[]): Promise<string> {
    return run(program, '--conf', join(this.#directory, 'ceph.conf'), ...args)
  }
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`)
  return stdout
}
