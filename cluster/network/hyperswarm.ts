/**
 * The swarm by hyperswarm. Nothing of it is loaded before one is opened: most nodes never do, and its packages bring native
 * code along.
 *
 * Measured: with the few nodes of a private hash table each believes that a firewall is in front of it, and connections
 * open that carry nothing. Where the operator names the nodes, they are told that there is none.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type Hyperswarm from 'hyperswarm'
import type { Discovery, SecretStream } from 'hyperswarm'
import { ClusterError } from '../errors.ts'
import { parseHostPort } from './address.ts'
import {
  PUBLIC_BOOTSTRAP,
  type OpenSwarm,
  type Swarm,
  type SwarmChannel,
  type SwarmOptions,
} from './swarm-port.ts'

/** Largest sum of what one side of a channel says: the list of seven voters with long names takes 3 KiB. */
const CHANNEL_BYTES_MAX = 16 * 1024
/** Entries that this node keeps of strangers for each of its tables; hyperdht's own 65 536 is for the whole world. */
const TABLE_SIZE_MAX = 1024
/** Connections that are tried for one topic; a cluster announces as many as it has nodes. */
const PEERS_MAX = 32
/** What was said last has arrived by then, or never will. */
const CLOSE_GRACE_MS = 1_000
const AS_SERVER = { client: false, server: true }

export const openHyperswarm: OpenSwarm = async (options) => {
  const { host, port } = parseHostPort(options.listen)
  await assertFree(host, port)
  const [{ default: Dht }, { default: Swarm }] = await Promise.all([import('hyperdht'), import('hyperswarm')])
  const isPublic = options.bootstrap.includes(PUBLIC_BOOTSTRAP)
  const named = {
    bootstrap: options.bootstrap.map(parseHostPort),
    ephemeral: !options.isGuide,
    firewalled: false,
  }
  const listen = { host, port, anyPort: port === 0 }
  const dht = new Dht({ ...listen, maxSize: TABLE_SIZE_MAX, ...(isPublic ? {} : named) })
  await dht.bind()
  return new HyperswarmSwarm(new Swarm({ dht, maxPeers: PEERS_MAX }), options)
}

/** Tried before: a hash table that cannot listen cannot be ended either, and keeps its process alive. */
async function assertFree(host: string, port: number): Promise<void> {
  const socket = createSocket('udp4')
  try {
    socket.bind(port, host)
    await once(socket, 'listening')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`cannot listen for the rendezvous (UDP): ${why}`, { cause: error })
  } finally {
    socket.close()
  }
}

class HyperswarmSwarm implements Swarm {
  readonly #swarm: Hyperswarm
  readonly #announced = new Map<string, { topic: Uint8Array; discovery: Discovery }>()

  constructor(swarm: Hyperswarm, { onChannel, mayConnect }: SwarmOptions) {
    this.#swarm = swarm
    const { firewall } = swarm.server
    // Not the option of that name: what it turns away is remembered for ever.
    if (mayConnect) swarm.server.firewall = (key, payload) => !mayConnect() || firewall(key, payload)
    swarm.on('connection', (stream) => onChannel(new StreamChannel(stream)))
  }

  announce(topics: readonly Uint8Array[]): void {
    const wanted = new Map(topics.map((topic) => [hexOf(topic), topic]))
    for (const [name, { topic, discovery }] of this.#announced) {
      if (wanted.has(name)) {
        // Its own pause is ten minutes, also when nobody could be told; and who was told may have started anew.
        discovery.refresh(AS_SERVER).catch(() => {})
        continue
      }
      this.#announced.delete(name)
      this.#swarm.leave(topic).catch(() => {})
    }
    for (const [name, topic] of wanted) {
      if (this.#announced.has(name)) continue
      const discovery = this.#swarm.join(Buffer.from(topic), { ...AS_SERVER, onerror: () => {} })
      this.#announced.set(name, { topic, discovery })
    }
  }

  async seek(topic: Uint8Array): Promise<void> {
    const discovery = this.#swarm.join(Buffer.from(topic), { client: true, server: false, onerror: () => {} })
    await discovery.flushed()
    await this.#swarm.flush()
  }

  /** The hash table is told, as far as it answers soon: entries that stay go by themselves. */
  async close(): Promise<void> {
    const told = this.#swarm.clear()
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, CLOSE_GRACE_MS).unref())])
    await this.#swarm.destroy({ force: true })
  }
}

class StreamChannel implements SwarmChannel {
  readonly #stream: SecretStream
  readonly #messages: Uint8Array[] = []
  #waiting: (() => void) | null = null
  #closed = false

  constructor(stream: SecretStream) {
    this.#stream = stream
    let receivedBytes = 0
    const count = (bytes: Uint8Array) => {
      receivedBytes += bytes.length
      if (receivedBytes > CHANNEL_BYTES_MAX) stream.destroy()
    }
    // Before it is gathered to a message: those may have 16 MiB.
    stream.rawStream.prependListener('data', count)
    stream.on('data', (message: Uint8Array) => {
      this.#messages.push(message)
      this.#waiting?.()
    })
    stream.on('error', () => {})
    stream.on('end', () => stream.end())
    stream.on('close', () => {
      this.#closed = true
      this.#waiting?.()
    })
  }

  get binding(): Uint8Array {
    return this.#stream.handshakeHash
  }

  send(message: Uint8Array): void {
    if (!this.#closed) this.#stream.write(Buffer.from(message))
  }

  async receive(timeoutMs: number): Promise<Uint8Array> {
    if (this.#messages.length === 0 && !this.#closed) await this.#untilNews(timeoutMs)
    const message = this.#messages.shift()
    if (message) return message
    const why = this.#closed ? 'hung up' : `said nothing for ${timeoutMs} ms`
    throw new ClusterError('PEER_UNREACHABLE', `the other side of a rendezvous ${why}`)
  }

  close(): void {
    if (this.#closed) return
    this.#stream.end()
    setTimeout(() => this.#stream.destroy(), CLOSE_GRACE_MS).unref()
  }

  #untilNews(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#waiting = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
