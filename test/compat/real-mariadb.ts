/** A real MariaDB of Debian's package on loopback, with its state in a directory of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

const READY_LIMIT_MS = 60_000
const USER = 'glance'
const PASSWORD = 'secret'

export class RealMariadb {
  /** For oslo.db. */
  readonly url: string
  readonly #directory: string
  readonly #port: number
  readonly #process: NodeProcess

  private constructor(directory: string, port: number) {
    this.#directory = directory
    this.#port = port
    this.url = `mysql+pymysql://${USER}:${PASSWORD}@127.0.0.1:${port}/glance?charset=utf8mb4`
    this.#process = new NodeProcess({ pid: join(directory, 'pid'), log: join(directory, 'log') })
  }

  /** With an empty database of Glance, as its documents make it. */
  static async start(t: Test): Promise<RealMariadb> {
    await run(join(PROJECT_ROOT, 'test/compat/mariadb/install'), [])
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-mariadb-'))
    const mariadb = new RealMariadb(directory, await freeBasePort(1))
    t.teardown(async () => {
      await mariadb.#process.kill()
      await rm(directory, { recursive: true, force: true })
    })
    await mariadb.#start()
    const who = `'${USER}'@'127.0.0.1'`
    await mariadb.execute(
      [
        'create database glance character set utf8mb3',
        `create user ${who} identified by '${PASSWORD}'`,
        `grant all on glance.* to ${who}`,
      ],
      'mysql',
    )
    return mariadb
  }

  async execute(statements: readonly string[], database = 'glance'): Promise<void> {
    await run('/usr/bin/mariadb', [...this.#login, database], `${statements.join(';\n')};\n`)
  }

  /** Writes what `program` (mysqldump, mariadb-dump) gives of it to a file. */
  async dump(path: string, program: string, options: readonly string[]): Promise<void> {
    await run(`/usr/bin/${program}`, [...this.#login, `--result-file=${path}`, ...options])
  }

  get #login(): string[] {
    return [
      '--no-defaults',
      `--socket=${join(this.#directory, 'socket')}`,
      '--user=root',
      '--default-character-set=utf8mb4',
    ]
  }

  async #start(): Promise<void> {
    const data = join(this.#directory, 'data')
    await run('/usr/bin/mariadb-install-db', [
      '--no-defaults',
      `--datadir=${data}`,
      '--user=root',
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ])
    const options = {
      datadir: data,
      socket: join(this.#directory, 'socket'),
      'pid-file': join(this.#directory, 'mariadb.pid'),
      'bind-address': '127.0.0.1',
      port: this.#port,
      user: 'root',
      // Nothing of it is to survive.
      'innodb-flush-log-at-trx-commit': 0,
    }
    const given = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    await this.#process.start(['/usr/sbin/mariadbd', '--no-defaults', ...given], process.env)
    const isUp = async () => {
      if ((await this.#process.state()) === 'dead')
        throw new Error(`MariaDB ended while it started:\n${await this.#process.logTail()}`)
      const { exitCode } = await runCommand('/usr/bin/mariadb-admin', [...this.#login, 'ping'])
      return exitCode === 0
    }
    if (await waitFor(isUp, { limitMs: READY_LIMIT_MS })) return
    throw new Error(`MariaDB did not start:\n${await this.#process.logTail()}`)
  }
}

async function run(program: string, args: readonly string[], input = ''): Promise<void> {
  const { exitCode, stderr } = await runCommand(program, args, { input: Readable.from([input]) })
  if (exitCode !== 0) throw new Error(`${program} ended with ${exitCode}: ${stderr}`)
}
