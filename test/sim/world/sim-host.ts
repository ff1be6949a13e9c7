/** One life of one node: its clock and its control plane. Everything falls silent when it dies. */
import { ClusterError, SeracError } from '../../../cluster/errors.ts'
import type {
  ControlProtocol,
  NodeId,
  PeerRpc,
  RpcHandler,
  RpcOptions,
} from '../../../cluster/network/rpc-port.ts'
import type { Clock } from '../../../cluster/runtime.ts'
import { plainCopy } from './plain-copy.ts'
import { simClock, type ClockError } from './sim-clock.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimWorld } from './sim-world.ts'

type Reply = { ok: unknown } | { error: { code: string; message: string; fields: Record<string, unknown> } }

export interface HostComponents {
  world: SimWorld
  network: SimNetwork
  /** The life that a node has now. */
  hostOf: (id: NodeId) => SimHost | undefined
  clockError: ClockError
}

export class SimHost implements PeerRpc {
  readonly id: NodeId
  readonly clock: Clock
  readonly #components: HostComponents
  readonly #handlers = new Map<ControlProtocol, RpcHandler>()
  readonly #onDeath: (() => void)[] = []
  #alive = true
  #pausedUntilMs = 0
  #asked = 0

  constructor(components: HostComponents, id: NodeId) {
    this.#components = components
    this.id = id
    this.clock = simClock(components.world, components.clockError, (action) => this.run(action))
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Requests of this node that have neither been answered nor timed out. */
  get openRequests(): number {
    return this.#asked
  }

  die(): void {
    this.#alive = false
    for (const action of this.#onDeath.splice(0)) action()
  }

  onDeath(action: () => void): void {
    this.#onDeath.push(action)
  }

  /** As SIGSTOP: nothing runs here until then, and then all of it at once. */
  pauseUntil(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
  }

  /** Ends a pause. */
  resume(): void {
    this.#pausedUntilMs = 0
  }

  /** Runs `action` as this process: now, when the pause is over, or never. */
  run(action: () => void): void {
    if (!this.#alive) return
    const { world } = this.#components
    if (world.nowMs >= this.#pausedUntilMs) return action()
    world.after(this.#pausedUntilMs - world.nowMs, () => this.run(action))
  }

  handle(protocol: ControlProtocol, handler: RpcHandler): void {
    this.#handlers.set(protocol, handler)
  }

  request(to: NodeId, protocol: ControlProtocol, request: unknown, options: RpcOptions): Promise<unknown> {
    const { network } = this.#components
    const body = plainCopy(request)
    this.#asked++
    return new Promise((resolve, reject) => {
      let isOpen = true
      const settle = (action: () => void) => {
        if (!isOpen) return
        isOpen = false
        this.#asked--
        cancel()
        options.signal?.removeEventListener('abort', onAbort)
        action()
      }
      const fail = (code: 'RPC_TIMEOUT' | 'PEER_UNREACHABLE', why: string) =>
        settle(() => reject(new ClusterError(code, why)))
      const onAbort = () => settle(() => reject(options.signal?.reason as Error))
      const cancel = this.clock.after(options.timeoutMs, () =>
        fail('RPC_TIMEOUT', `node ${to} did not answer within ${options.timeoutMs} ms`),
      )
      if (options.signal?.aborted) return onAbort()
      options.signal?.addEventListener('abort', onAbort, { once: true })
      const onReply = (reply: Reply) => this.run(() => settle(() => finish(reply, resolve, reject)))
      const onNobody = () => this.run(() => fail('PEER_UNREACHABLE', `node ${to} is down`))
      network.carry(this.id, to, () => this.#deliver(to, protocol, body, onReply, onNobody))
    })
  }

  #deliver(
    to: NodeId,
    protocol: ControlProtocol,
    body: unknown,
    onReply: (reply: Reply) => void,
    onNobody: () => void,
  ): void {
    const { network, world, hostOf } = this.#components
    const peer = hostOf(to)
    world.trace.note(world.nowMs, this.id, to, protocol, kindOf(body))
    if (!peer || !peer.#handlers.has(protocol)) return onNobody()
    peer.run(() => {
      void peer.#serve(this.id, protocol, body).then((reply) => {
        if (peer.#alive) network.carry(to, this.id, () => onReply(reply))
      })
    })
  }

  async #serve(from: NodeId, protocol: ControlProtocol, body: unknown): Promise<Reply> {
    try {
      const handler = this.#handlers.get(protocol) as RpcHandler
      return { ok: plainCopy((await handler(from, body)) ?? null) }
    } catch (error) {
      if (error instanceof SeracError)
        return { error: { code: error.code, message: error.message, fields: wireFields(error.fields) } }
      return { error: { code: 'INTERNAL', message: String(error), fields: {} } }
    }
  }
}

/** The fields of an error as they pass the wire: those that cannot be carried are left out. */
function wireFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  try {
    return plainCopy({ ...fields })
  } catch {
    return {}
  }
}

function finish(reply: Reply, resolve: (value: unknown) => void, reject: (error: Error) => void): void {
  if ('ok' in reply) return resolve(reply.ok)
  const { code, message, fields } = reply.error
  reject(new SeracError(code, message, fields))
}

function kindOf(body: unknown): string {
  const { kind, key } = (body ?? {}) as { kind?: string; key?: string }
  return `${kind ?? ''} ${key ?? ''}`
}
