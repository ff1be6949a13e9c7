/** The measure of this machine: fastify that answers stored JSON out of LevelDB and does nothing else, in its own process. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BARE_IMAGES } from './bare-process.ts'
import { seededId } from './seeded-image.ts'
import { UsageMeter } from './usage.ts'

export class BareServer {
  readonly port: number
  readonly usage: UsageMeter
  readonly size = BARE_IMAGES
  readonly #child: ChildProcess
  readonly #directory: string

  private constructor(child: ChildProcess, port: number, directory: string) {
    this.#child = child
    this.port = port
    this.#directory = directory
    this.usage = new UsageMeter([child.pid as number])
  }

  static async start(): Promise<BareServer> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-bench-bare-'))
    const child = fork(join(import.meta.dirname, 'bare-process.ts'), [directory])
    const [port] = (await once(child, 'message')) as [number]
    return new BareServer(child, port, directory)
  }

  anyKey(): string {
    return seededId(Math.floor(Math.random() * this.size))
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill()
    await gone
    await rm(this.#directory, { recursive: true, force: true })
  }
}
