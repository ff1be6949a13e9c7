/** A real RabbitMQ of Debian's package on loopback, with its state in a directory of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import type { Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

const READY_LIMIT_MS = 120_000
/** Debian's own starter would become another user, and the machine's broker. */
const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export class RealRabbit {
  /** For oslo.messaging. */
  readonly url: string
  readonly #directory: string
  readonly #port: number
  readonly #names: NodeProcess
  readonly #server: NodeProcess

  private constructor(directory: string, port: number) {
    this.#directory = directory
    this.#port = port
    this.url = `rabbit://guest:guest@127.0.0.1:${port}/`
    const files = (name: string) => ({
      pid: join(directory, `${name}.pid`),
      log: join(directory, `${name}.log`),
    })
    this.#names = new NodeProcess(files('epmd'))
    this.#server = new NodeProcess(files('server'))
  }

  static async start(t: Test): Promise<RealRabbit> {
    const { exitCode, stderr } = await runCommand(join(PROJECT_ROOT, 'test/compat/notifications/install'), [])
    if (exitCode !== 0) throw new Error(`RabbitMQ cannot be installed: ${stderr}`)
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-rabbit-'))
    const rabbit = new RealRabbit(directory, await freeBasePort(3))
    t.teardown(async () => {
      await rabbit.kill()
      await rabbit.#names.kill()
      await rm(directory, { recursive: true, force: true })
    })
    await writeFile(join(directory, 'plugins'), '[].')
    // Of Erlang: where a node finds the port of another. One of its own, so that no other is left running.
    await rabbit.#names.start(['/usr/bin/epmd'], rabbit.#environment)
    await rabbit.revive()
    return rabbit
  }

  /** With all processes of its own. What was in its memory is gone. */
  async kill(): Promise<void> {
    const pid = await this.#server.pid()
    if (pid !== null) process.kill(-pid, 'SIGKILL')
    await this.#server.kill()
  }

  /** Resolves when it takes messages. */
  async revive(): Promise<void> {
    await this.#server.start([SERVER], this.#environment)
    const isUp = async () => {
      if ((await this.#server.state()) === 'dead')
        throw new Error(`RabbitMQ ended while it started:\n${await this.#server.logTail()}`)
      const address = { hostname: '127.0.0.1', port: this.#port, username: 'guest', password: 'guest' }
      const link = await connect(address, { timeout: 2000 }).catch(() => null)
      await link?.close()
      return link !== null
    }
    if (await waitFor(isUp, { limitMs: READY_LIMIT_MS })) return
    throw new Error(`RabbitMQ did not start:\n${await this.#server.logTail()}`)
  }

  get #environment(): NodeJS.ProcessEnv {
    const directory = this.#directory
    return {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: directory,
      ERL_EPMD_PORT: String(this.#port + 1),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `serac-${this.#port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(this.#port),
      RABBITMQ_DIST_PORT: String(this.#port + 2),
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_LOG_BASE: directory,
      RABBITMQ_PID_FILE: join(directory, 'rabbit.pid'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: join(directory, 'none'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1',
    }
  }
}
