/** A real HAProxy, of Debian's package, with the configuration that we ship: deploy/haproxy.cfg with other addresses. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { NodeProcess } from '../../deploy/dev/node-process.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

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

const SHIPPED = join(PROJECT_ROOT, 'deploy/haproxy.cfg')
const READY_LIMIT_MS = 30_000
/** `server TIMES STATUS BYTES - - ENDING COUNTS QUEUES {CAPTURED} {CAPTURED} "METHOD PATH HTTP/1.1"`, of `option httplog`. */
const LOG_LINE =
  /^.*\] image_api \S+\/(\S+) \S+ (-?\d+) \d+ - - (..).. \S+ \S+ \{(.*?)\} (?:\{.*?\} )?"(\S+) (\S+)/

export class RealHaproxy {
  readonly url: string
  readonly #log: string

  private constructor(url: string, log: string) {
    this.url = url
    this.#log = log
  }

  /** Runs until `t` ends; resolves when it finds all of `nodeUrls`, which are those of controller-1 and so on. */
  static async start(t: Test, nodeUrls: readonly string[]): Promise<RealHaproxy> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-haproxy-'))
    const files = { pid: join(directory, 'pid'), log: join(directory, 'log') }
    const process = new NodeProcess(files)
    t.teardown(async () => {
      await process.kill()
      await rm(directory, { recursive: true })
    })
    const address = `127.0.0.1:${await freeBasePort(1)}`
    const configFile = join(directory, 'haproxy.cfg')
    await writeFile(configFile, await shippedConfig(directory, address, nodeUrls))
    await process.start(['/usr/sbin/haproxy', '-db', '-f', configFile], {})
    const haproxy = new RealHaproxy(`http://${address}`, files.log)
    const isUp = () =>
      fetch(`${haproxy.url}/healthcheck`).then(
        ({ ok }) => ok,
        () => false,
      )
    if (await waitFor(isUp, { limitMs: READY_LIMIT_MS })) return haproxy
    throw new Error(`HAProxy did not start:\n${await process.logTail()}`)
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

async function shippedConfig(
  directory: string,
  address: string,
  nodeUrls: readonly string[],
): Promise<string> {
  const replacements: [shipped: string, here: string][] = [
    ['log /dev/log local0', 'log stdout format raw local0'],
    ['/run/haproxy/admin.sock', join(directory, 'admin.sock')],
    ['bind 192.0.2.10:9292\n', `bind ${address}\n`],
    ...nodeUrls.map((url, index): [string, string] => [`192.0.2.${11 + index}:9292`, new URL(url).host]),
  ]
  let text = await readFile(SHIPPED, 'utf8')
  for (const [shipped, here] of replacements) {
    if (!text.includes(shipped)) throw new Error(`${SHIPPED} has no '${shipped}'`)
    text = text.replaceAll(shipped, here)
  }
  return text
}
