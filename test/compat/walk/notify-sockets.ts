/** What systemd would hear from the nodes: real datagram sockets, to which Debian's own systemd-notify writes. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { eventually } from '../../helpers/probe-cluster.ts'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'

const PROGRAM = join(PROJECT_ROOT, 'test/compat/walk/notify-socket.py')

export class NotifySockets {
  readonly paths: readonly string[]
  /** Of each node, all that it said so far. */
  readonly said: readonly string[][]

  private constructor(paths: readonly string[]) {
    this.paths = paths
    this.said = paths.map(() => [])
  }

  /** One for each of `count` nodes, until `t` ends. */
  static async open(t: Test, count: number): Promise<NotifySockets> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-compat-notify-'))
    const sockets = new NotifySockets(
      Array.from({ length: count }, (_, index) => join(directory, `${index}`)),
    )
    const child = spawn('/usr/bin/python3', [PROGRAM, ...sockets.paths], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(async () => {
      child.stdin.end()
      await rm(directory, { recursive: true })
    })
    const lines = createInterface(child.stdout)
    await new Promise((resolve, reject) => lines.once('line', resolve).once('close', reject))
    lines.on('line', (line) => {
      const [index, message] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
      sockets.said[Number(index)]?.push(message)
    })
    return sockets
  }

  /** Resolves when node `index` has said `message`, perhaps long ago. */
  heard(index: number, message: string): Promise<void> {
    return eventually(`node ${index} tells systemd ${message}`, async () =>
      Boolean(this.said[index]?.includes(message)),
    )
  }
}
