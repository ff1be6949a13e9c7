/** The asking end of the bulk plane: chunks and commands to peers over kept-alive, mutually proven TLS 1.3. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { ClusterError } from '../errors.ts'
import type { NodeIdentity } from '../network/identity.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Traffic } from '../network/traffic.ts'
import type { Clock } from '../runtime.ts'
import { CONNECTIONS_MAX, PeerAgent } from './bulk-agent.ts'
import { abortable } from './abortable.ts'
import { createBulkCredentials, type BulkCredentials } from './bulk-certificate.ts'
import type { BulkPeer } from './bulk-port.ts'
import {
  CHUNK_PATH,
  CLUSTER_HEADER,
  COMMAND_BYTES_MAX,
  decodeError,
  decodeHaveAnswer,
  decodeReferencesAnswer,
  encodeHave,
  encodeReferences,
  encodeUnpin,
  HAVE_MAX,
  HAVE_PATH,
  PIN_HEADER,
  REFERENCES_MAX,
  REFERENCES_PATH,
  UNPIN_PATH,
} from './bulk-protocol.ts'
import { announcedBytes, receivePayload, sendPayload, StallWatch } from './bulk-streams.ts'
import { CHUNK_BYTES_MAX, type ChunkBuffer } from './chunk-buffer.ts'
import type { ChunkHasher } from './chunk-hasher.ts'
import { LifeSign } from './life-sign.ts'
import type { ChunkHash, UploadId } from './local-chunks.ts'
import { Semaphore } from './semaphore.ts'

export interface BulkClientComponents {
  identity: NodeIdentity
  /** Where the peer's bulk plane listens, `host:port`; null = not known. */
  addressOf(id: NodeId): string | null
  clusterId(): string
  hasher: ChunkHasher
  clock: Clock
  traffic: Traffic
}

export interface BulkClientOptions {
  /** A chunk transfer that moves no byte for this long is given up (RPC_TIMEOUT). */
  stallMs?: number
  connectTimeoutMs?: number
  /** For a have of many chunks, which are all read before the answer. */
  haveTimeoutMs?: number
}

/** The plan's figure: a target without progress for 2 s is replaced. Heartbeats call a node suspect after the same time. */
const STALL_MS = 2_000
const CONNECT_TIMEOUT_MS = 2_000
/** A have of HAVE_MAX chunks reads 256 MiB: 2.5 s on a disk of 100 MB/s, more beside other work. */
const HAVE_TIMEOUT_MS = 15_000

interface Ask {
  method: 'GET' | 'PUT' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: Buffer
  /** No sign of life for this long = RPC_TIMEOUT. */
  stallMs: number
  signal?: AbortSignal | undefined
  /** Of the caller, who wants to know, too. */
  sign?: LifeSign | undefined
}

/** The connections to one peer. */
interface PeerLink {
  agent: PeerAgent
  /** One for each connection. The agent keeps no count of those that it is just opening, and a peer cuts what is too much. */
  turns: Semaphore
  /** Of whatever moves on one of them. */
  sign: LifeSign
}

type Receive<T> = (response: IncomingMessage, watch: StallWatch) => Promise<T>

export class BulkClient implements BulkPeer {
  readonly #components: BulkClientComponents
  readonly #credentials: BulkCredentials
  readonly #links = new Map<NodeId, PeerLink>()
  readonly #stallMs: number
  readonly #connectTimeoutMs: number
  readonly #haveTimeoutMs: number

  constructor(components: BulkClientComponents, options: BulkClientOptions = {}) {
    this.#components = components
    this.#credentials = createBulkCredentials(components.identity)
    this.#stallMs = options.stallMs ?? STALL_MS
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
    this.#haveTimeoutMs = options.haveTimeoutMs ?? HAVE_TIMEOUT_MS
  }

  /** Closes every connection; requests under way fail with PEER_UNREACHABLE. */
  stop(): void {
    for (const { agent } of this.#links.values()) agent.destroy()
    this.#links.clear()
  }

  async getChunk(
    from: NodeId,
    hash: ChunkHash,
    into: ChunkBuffer,
    signal?: AbortSignal,
    sign?: LifeSign,
  ): Promise<void> {
    const ask: Ask = { method: 'GET', path: CHUNK_PATH + hash, stallMs: this.#stallMs, signal, sign }
    await this.#exchange(from, ask, async (response, watch) => {
      into.length = announcedBytes(response, CHUNK_BYTES_MAX)
      await receivePayload(response, into.payload, watch)
    })
    if ((await this.#components.hasher(into)) !== hash) {
      throw new ClusterError('CHUNK_DAMAGED', 'the peer sent other bytes than the chunk', { hash, from })
    }
  }

  async putChunk(
    to: NodeId,
    hash: ChunkHash,
    payload: Buffer,
    pin: UploadId | null,
    signal?: AbortSignal,
  ): Promise<void> {
    const headers: Record<string, string> = pin === null ? {} : { [PIN_HEADER]: pin }
    const path = CHUNK_PATH + hash
    await this.#exchange(
      to,
      { method: 'PUT', path, headers, body: payload, stallMs: this.#stallMs, signal },
      noBody,
    )
  }

  async have(
    at: NodeId,
    hashes: readonly ChunkHash[],
    pin: UploadId,
    signal?: AbortSignal,
  ): Promise<boolean[]> {
    const held: boolean[] = []
    for (const batch of batches(hashes, HAVE_MAX)) {
      // One chunk is no more work than a get: an upload that asks for it must notice a hung peer as soon.
      const stallMs = batch.length === 1 ? this.#stallMs : this.#haveTimeoutMs
      const body = encodeHave({ pin, hashes: batch })
      const answer = await this.#command(at, { path: HAVE_PATH, body, stallMs, signal })
      held.push(...decodeHaveAnswer(answer, batch.length))
    }
    return held
  }

  async unpin(at: NodeId, upload: UploadId): Promise<void> {
    await this.#command(at, { path: UNPIN_PATH, body: encodeUnpin({ upload }), stallMs: this.#stallMs })
  }

  async addReferences(
    at: NodeId,
    root: ChunkHash,
    hashes: readonly ChunkHash[],
    signal?: AbortSignal,
  ): Promise<ChunkHash[]> {
    const missing: ChunkHash[] = []
    for (const batch of batches(hashes, REFERENCES_MAX)) {
      const body = encodeReferences({ root, hashes: batch })
      const answer = await this.#command(at, { path: REFERENCES_PATH, body, stallMs: this.#stallMs, signal })
      missing.push(...decodeReferencesAnswer(answer))
    }
    return missing
  }

  #command(
    at: NodeId,
    { body, ...rest }: Omit<Ask, 'method' | 'body'> & { body: Uint8Array },
  ): Promise<Buffer> {
    const ask: Ask = { ...rest, method: 'POST', body: Buffer.from(body) }
    return this.#exchange(at, ask, (response, watch) => receiveBody(response, watch))
  }

  async #exchange<T>(peer: NodeId, ask: Ask, receive: Receive<T>): Promise<T> {
    try {
      return await this.#exchangeOnce(peer, ask, receive)
    } catch (error) {
      // The peer may close a kept-alive connection just as it is used again. Every request here may be repeated.
      if (!(error instanceof StaleConnection)) throw error
      return this.#exchangeOnce(peer, ask, receive)
    }
  }

  async #exchangeOnce<T>(peer: NodeId, ask: Ask, receive: Receive<T>): Promise<T> {
    ask.signal?.throwIfAborted()
    const { clock } = this.#components
    const { stallMs, sign = new LifeSign(clock) } = ask
    const stop = new AbortController()
    const watch = new StallWatch(clock, sign, stallMs, () =>
      stop.abort(new ClusterError('RPC_TIMEOUT', 'the peer makes no progress', { peer, stallMs })),
    )
    const onAbort = () => stop.abort(ask.signal?.reason)
    ask.signal?.addEventListener('abort', onAbort, { once: true })
    const link = this.#linkTo(peer)
    let endTurn = () => {}
    try {
      sign.queueAt(link.sign)
      endTurn = await link.turns.acquire(stop.signal)
      sign.begin()
      const request = this.#open(peer, ask, link.agent)
      return await untilStopped(request, converse(request, ask.body, watch, receive), stop.signal)
    } finally {
      endTurn()
      watch.stop()
      ask.signal?.removeEventListener('abort', onAbort)
    }
  }

  #open(peer: NodeId, ask: Ask, agent: PeerAgent): ClientRequest {
    const address = this.#components.addressOf(peer)
    if (address === null)
      throw new ClusterError('PEER_UNREACHABLE', 'the address of the peer is not known', { peer })
    const { hostname, port } = new URL(`https://${address}`)
    const headers: Record<string, string | number> = {
      ...ask.headers,
      [CLUSTER_HEADER]: this.#components.clusterId(),
      'content-length': ask.body?.length ?? 0,
    }
    const { method, path } = ask
    return httpsRequest({
      agent,
      host: unbracketed(hostname),
      port,
      method,
      path,
      headers,
    })
  }

  #linkTo(peer: NodeId): PeerLink {
    let link = this.#links.get(peer)
    if (!link) {
      const { clock, traffic } = this.#components
      const connectTimeoutMs = this.#connectTimeoutMs
      const agent = new PeerAgent(clock, { peer, credentials: this.#credentials, connectTimeoutMs, traffic })
      link = { agent, turns: new Semaphore(CONNECTIONS_MAX), sign: new LifeSign(clock) }
      this.#links.set(peer, link)
    }
    return link
  }
}

/** A kept-alive connection was closed before the peer can have answered. */
class StaleConnection extends ClusterError {}

/**
 * `conversing`, or the signal's reason. Not left to the request's own events: one that waits for a connection tells nobody
 * that it was destroyed.
 */
async function untilStopped<T>(
  request: ClientRequest,
  conversing: Promise<T>,
  stop: AbortSignal,
): Promise<T> {
  const onStop = () => request.destroy()
  stop.addEventListener('abort', onStop, { once: true })
  try {
    return await abortable(conversing, stop)
  } catch (error) {
    request.destroy()
    stop.throwIfAborted()
    throw error
  }
}

/** Sends the body, awaits the answer and receives it; a refusal may come before the whole body has left. */
async function converse<T>(
  request: ClientRequest,
  body: Buffer | undefined,
  watch: StallWatch,
  receive: Receive<T>,
): Promise<T> {
  const answered = responseOf(request)
  const sent = send(request, body, watch)
  // Whatever cuts the sending cuts the answer too, and is reported from there.
  sent.catch(() => {})
  const response = await answered
  watch.progress()
  if ((response.statusCode ?? 0) >= 300) {
    throw decodeError(response.statusCode ?? 0, await receiveBody(response, watch))
  }
  const value = await receive(response, watch)
  await sent
  return value
}

async function send(request: ClientRequest, body: Buffer | undefined, watch: StallWatch): Promise<void> {
  if (body) await sendPayload(request, body, watch)
  request.end()
}

function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', (error) => reject(asUnreachable(request, error)))
    request.once('close', () =>
      reject(new ClusterError('PEER_UNREACHABLE', 'the connection closed unanswered')),
    )
  })
}

function asUnreachable(request: ClientRequest, cause: Error): ClusterError {
  if (cause instanceof ClusterError) return cause
  const failed = request.reusedSocket ? StaleConnection : ClusterError
  return new failed('PEER_UNREACHABLE', 'the connection to the peer failed', {}, cause)
}

async function receiveBody(response: IncomingMessage, watch: StallWatch): Promise<Buffer> {
  const body = Buffer.alloc(announcedBytes(response, COMMAND_BYTES_MAX))
  await receivePayload(response, body, watch)
  return body
}

/** 204 has no body, but its end must be seen before the connection is used again. */
function noBody(response: IncomingMessage, watch: StallWatch): Promise<void> {
  return receivePayload(response, Buffer.alloc(0), watch)
}

function* batches<T>(items: readonly T[], countMax: number): Iterable<T[]> {
  for (let at = 0; at < items.length; at += countMax) yield items.slice(at, at + countMax)
}

/** URL writes IPv6 hosts in brackets, sockets want them bare. */
function unbracketed(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
