/** A real HAProxy, of Debian's package, with the configuration that we ship: deploy/haproxy.cfg with other addresses. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'
import { adapted } from './adapted.ts'

/** A request, as HAProxy has logged it at its end. */
export interface LoggedRequest {
  /** controller-1 and so on; `<NOSRV>` when none was found. */
  server: string
  /** As the client got it. */
  status: number
  /** `--` when both sides ended in order; `SD` when the server was gone before its data had all come. */
  ending: string
  /** What the client called it. */
  requestId: string
  method: string
  path: string
}

export interface HaproxyPlace {
  /** Of the image API: HOST:PORT. */
  address: string
  /** Port of its checks, on loopback. */
  checks: number
  /** Port of the same with TLS, on loopback; absent: none. */
  tlsPort?: number
  /** Goes before its command. */
  wrapper: readonly string[]
}

const SHIPPED = join(PROJECT_ROOT, 'deploy/haproxy.cfg')
const READY_LIMIT_MS = 30_000
const CA_FILE = 'ca.pem'
/** Certificate and key, as HAProxy wants them. */
const PAIR_FILE = 'pair.pem'
/** `server TIMES STATUS BYTES - - ENDING COUNTS QUEUES {CAPTURED} {CAPTURED} "METHOD PATH HTTP/1.1"`, of `option httplog`. */
const LOG_LINE =
  /^.*\] image_api \S+\/(\S+) \S+ (-?\d+) \d+ - - (..).. \S+ \S+ \{(.*?)\} (?:\{.*?\} )?"(\S+) (\S+)/

export class RealHaproxy {
  readonly url: string
  /** The same with TLS, where its place has it. */
  readonly tlsUrl: string
  readonly process: NodeProcess
  readonly #log: string
  readonly #directory: string
  readonly #wrapper: readonly string[]

  private constructor(directory: string, { address, wrapper, tlsPort }: HaproxyPlace) {
    this.url = `http://${address}`
    this.tlsUrl = `https://127.0.0.1:${tlsPort}`
    this.#directory = directory
    this.#wrapper = wrapper
    this.#log = join(directory, 'log')
    this.process = new NodeProcess({ pid: join(directory, 'pid'), log: this.#log })
  }

  /**
   * Runs until `t` ends; resolves when it finds all of `nodeUrls`, which are those of controller-1 and so on. Listens on
   * `port`, or on one that is free.
   */
  static async start(t: Test, nodeUrls: readonly string[], port?: number): Promise<RealHaproxy> {
    const checks = await freeBasePort(1)
    const address = `127.0.0.1:${port ?? (await freeBasePort(1))}`
    const haproxy = await RealHaproxy.place(t, nodeUrls, {
      address,
      checks,
      tlsPort: await freeBasePort(1),
      wrapper: [],
    })
    await haproxy.run()
    const isUp = () =>
      fetch(`${haproxy.url}/healthcheck`).then(
        ({ ok }) => ok,
        () => false,
      )
    if (await waitFor(isUp, { limitMs: READY_LIMIT_MS })) return haproxy
    throw new Error(`HAProxy did not start:\n${await haproxy.process.logTail()}`)
  }

  /** One that does not run yet, and ends with `t`. */
  static async place(t: Test, nodeUrls: readonly string[], place: HaproxyPlace): Promise<RealHaproxy> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-haproxy-'))
    const haproxy = new RealHaproxy(directory, place)
    t.teardown(async () => {
      await haproxy.process.kill()
      await rm(directory, { recursive: true })
    })
    if (place.tlsPort !== undefined) await makeCertificate(directory)
    await writeFile(join(directory, 'haproxy.cfg'), await shippedConfig(directory, place, nodeUrls))
    return haproxy
  }

  /** Who vouches for it: a file, in PEM. */
  get caFile(): string {
    return join(this.#directory, CA_FILE)
  }

  async run(): Promise<void> {
    const command = [...this.#wrapper, '/usr/sbin/haproxy', '-db', '-f', join(this.#directory, 'haproxy.cfg')]
    await this.process.start(command, {})
  }

  /** All requests that have ended so far. */
  async requests(): Promise<LoggedRequest[]> {
    const lines = (await readFile(this.#log, 'utf8')).split('\n')
    return lines.flatMap((line) => {
      const [, server, status, ending, requestId, method, path] = LOG_LINE.exec(line) ?? []
      if (server === undefined) return []
      return [
        {
          server,
          status: Number(status),
          ending: ending!,
          requestId: requestId!,
          method: method!,
          path: path!,
        },
      ]
    })
  }
}

/** For the loopback address; it vouches for itself. */
async function makeCertificate(directory: string): Promise<void> {
  const [certificate, key] = [join(directory, CA_FILE), join(directory, 'key.pem')]
  const kind = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1']
  const name = ['-addext', 'subjectAltName=IP:127.0.0.1']
  const args = ['req', ...kind, ...name, '-keyout', key, '-out', certificate]
  const { exitCode, stderr } = await runCommand('/usr/bin/openssl', args)
  if (exitCode !== 0) throw new Error(`openssl made no certificate: ${stderr}`)
  const pair = await Promise.all([certificate, key].map((file) => readFile(file, 'utf8')))
  await writeFile(join(directory, PAIR_FILE), pair.join(''))
}

/** In place of the line that shows how it is done. */
function tlsLine(directory: string, port: number): [shipped: string, here: string] {
  return [
    '# With TLS, instead: bind 192.0.2.10:9292 ssl crt /etc/haproxy/image-api.pem',
    `bind 127.0.0.1:${port} ssl crt ${join(directory, PAIR_FILE)}`,
  ]
}

async function shippedConfig(
  directory: string,
  { address, checks, tlsPort }: HaproxyPlace,
  nodeUrls: readonly string[],
): Promise<string> {
  const replacements: [shipped: string, here: string][] = [
    ['log /dev/log local0', 'log stdout format raw local0'],
    ['/run/haproxy/admin.sock', join(directory, 'admin.sock')],
    ...(tlsPort === undefined ? [] : [tlsLine(directory, tlsPort)]),
    ['bind 192.0.2.10:9292\n', `bind ${address}\n`],
    ['bind 127.0.0.1:9299\n', `bind 127.0.0.1:${checks}\n`],
    ...nodeUrls.map((url, index): [string, string] => [`192.0.2.${11 + index}:9292`, new URL(url).host]),
  ]
  return adapted(SHIPPED, replacements)
}
