/** Where a node of a development cluster lives: its files, its ports, its URLs. */
import { join } from 'node:path'
import { NodeProcess } from './node-process.ts'

export const LOOPBACK = '127.0.0.1'

/** Where a node runs. */
export interface NodePlace {
  /** Address of all its ports. */
  host: string
  /** Goes before the node's command, and must become it (exec): a change of network namespace, say. */
  wrapper: readonly string[]
}

/** A plain process of this machine. */
export const THIS_MACHINE: NodePlace = { host: LOOPBACK, wrapper: [] }

/** The four ports of node I begin at base + 10·I; the gap leaves room and reads well. */
export const PORT_STEP = 10

/** Any answer counts; a node that is so slow is not up. */
const ANSWER_LIMIT_MS = 2000

export class DevNode {
  readonly index: number
  readonly host: string
  readonly directory: string
  readonly apiPort: number
  readonly controlPort: number
  readonly bulkPort: number
  readonly operatorPort: number
  readonly process: NodeProcess

  constructor(clusterDirectory: string, basePort: number, index: number, host: string = LOOPBACK) {
    this.index = index
    this.host = host
    this.directory = join(clusterDirectory, `node-${index}`)
    this.apiPort = basePort + PORT_STEP * index
    this.controlPort = this.apiPort + 1
    this.bulkPort = this.apiPort + 2
    this.operatorPort = this.apiPort + 3
    this.process = new NodeProcess({
      pid: join(this.directory, 'serac.pid'),
      log: join(this.directory, 'serac.log'),
    })
  }

  get configFile(): string {
    return join(this.directory, 'serac.conf')
  }

  get apiUrl(): string {
    return `http://${this.host}:${this.apiPort}`
  }

  get operatorUrl(): string {
    return `http://${this.host}:${this.operatorPort}`
  }

  get ports(): number[] {
    return [this.apiPort, this.controlPort, this.bulkPort, this.operatorPort]
  }

  /** The HTTP status of the API's answer to GET `path`; null when there is none. */
  async probe(path: string): Promise<number | null> {
    try {
      const response = await fetch(new URL(path, this.apiUrl), {
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      })
      await response.arrayBuffer()
      return response.status
    } catch {
      return null
    }
  }
}
