/** A bug, put in on purpose: a simulation that lets it live proves nothing. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { PeerRpc, RpcHandler } from '../../../cluster/network/rpc-port.ts'
import { CONFIG_KEY, configIn } from '../../../cluster/register/config-register.ts'
import type { FencedRequest } from '../../../cluster/register/epoch-fence.ts'
import type { VoteRequest } from '../../../cluster/register/vote-messages.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import type { Variant } from '../cluster/variant.ts'

export interface Mutant {
  /** What is wrong, in a few words. */
  name: string
  /** The rule that it breaks. */
  rule: string
  variant: Variant
}

/** A control plane that tampers with the answers to this node's own vote requests. */
export function withAnswers(
  rpc: PeerRpc,
  tamper: (request: VoteRequest, answer: Promise<unknown>) => Promise<unknown>,
): PeerRpc {
  return {
    handle: (protocol, handler) => rpc.handle(protocol, handler),
    request: (to, protocol, request, options) => {
      const answer = rpc.request(to, protocol, request, options)
      return protocol === 'votes' ? tamper(bodyOf(request) as VoteRequest, answer) : answer
    },
  }
}

/** A control plane that votes otherwise than this node's acceptor would. */
export function withVotes(
  rpc: PeerRpc,
  tamper: (request: VoteRequest, vote: () => Promise<unknown>) => Promise<unknown>,
): PeerRpc {
  const tampered =
    (handler: RpcHandler): RpcHandler =>
    (from, request) =>
      tamper(bodyOf(request) as VoteRequest, () => handler(from, request))
  return {
    handle: (protocol, handler) => rpc.handle(protocol, protocol === 'votes' ? tampered(handler) : handler),
    request: (to, protocol, request, options) => rpc.request(to, protocol, request, options),
  }
}

/** No bug: notices may be lost, all of them. But then more is left for lists to find out. */
export function deafToNotices(rpc: PeerRpc): PeerRpc {
  return withVotes(rpc, (request, vote) => (request.kind === 'committed' ? Promise.resolve(null) : vote()))
}

/** What was asked, without epoch and identity. */
export function bodyOf(request: unknown): unknown {
  return (request as Partial<FencedRequest>).body
}

/** The config that a node has learned, if any. */
export function configOf(store: RegisterStore): ClusterConfig | null {
  const row = store.learned(CONFIG_KEY)
  return row?.settled ? configIn(row) : null
}
