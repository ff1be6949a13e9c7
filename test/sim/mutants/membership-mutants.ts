/** Bugs of the membership: epochs, joint configs, what new voters are given. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { PeerRpc } from '../../../cluster/network/rpc-port.ts'
import { ZERO_BALLOT } from '../../../cluster/register/ballot.ts'
import { BEGIN_JOINT } from '../../../cluster/register/config-operations.ts'
import { CONFIG_KEY } from '../../../cluster/register/config-register.ts'
import type { FencedRequest } from '../../../cluster/register/epoch-fence.ts'
import type { Operation } from '../../../cluster/register/operations.ts'
import type { CatchUpRequest, VoteRequest } from '../../../cluster/register/vote-messages.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import { overriding } from '../cluster/variant.ts'
import { bodyOf, configOf, type Mutant } from './mutant.ts'

/** The new voters at once, without a time in which both sets count. */
const swapVoters: Operation = (current, args) => {
  if (!current) return { kind: 'keep' }
  const config = current.record as ClusterConfig
  const { voters, databases } = args as Pick<ClusterConfig, 'voters' | 'databases'>
  const nodes = config.nodes.map((node) => ({
    ...node,
    role: voters.includes(node.id) ? ('voter' as const) : ('storage' as const),
  }))
  const named = { ...config.databases, ...databases }
  const record = { ...config, voters, nodes, databases: named, epoch: config.epoch + 1 }
  return { kind: 'write', next: { live: true, record } }
}

export const membershipMutants: readonly Mutant[] = [
  {
    name: 'voters swapped without a joint config',
    rule: 'R10: the majorities of the old and of the new voters need not meet',
    variant: { operations: { [BEGIN_JOINT]: swapVoters } },
  },
  {
    name: 'joint config with one majority',
    rule: 'R10: while voters change, the old ones alone decide',
    variant: { rpc: (rpc, { store }) => withoutNewVoters(rpc, store) },
  },
  {
    name: 'new voters without a rescan',
    rule: 'R10: nobody looks at the registers before the old voters go',
    variant: {
      rpc: (rpc) =>
        overriding(rpc, {
          request: async (to, protocol, request, options) => {
            const answer = await rpc.request(to, protocol, request, options)
            return (bodyOf(request) as CatchUpRequest | undefined)?.kind === 'accepted' ? [] : answer
          },
        }),
    },
  },
  {
    name: 'requests of an older epoch are served',
    rule: 'R10: no epoch fence',
    variant: {
      rpc: (rpc, { store }) =>
        overriding(rpc, {
          handle: (protocol, handler) =>
            rpc.handle(protocol, (from, request) => handler(from, withNewestEpoch(request, store))),
        }),
    },
  },
  {
    name: 'epoch in force before it is durable',
    rule: 'R10: a voter answers under a config that a crash takes back',
    variant: {
      storage: (store) => overriding(store, { keepConfig: (row) => lazily(store.learn(CONFIG_KEY, row)) }),
    },
  },
  {
    name: 'new voter without the floor',
    rule: 'R10: a joiner does not take the floor of the others before its first vote',
    variant: { storage: (store) => overriding(store, { raiseFloor: () => Promise.resolve() }) },
  },
]

function lazily(written: Promise<void>): Promise<void> {
  written.catch(() => {})
  return Promise.resolve()
}

function withNewestEpoch(request: unknown, store: RegisterStore): unknown {
  const { epoch } = request as Partial<FencedRequest>
  const known = configOf(store)?.epoch ?? 0
  return epoch !== undefined && epoch < known ? { ...(request as FencedRequest), epoch: known } : request
}

/** While voters change, the votes of those that join are taken for granted. */
function withoutNewVoters(rpc: PeerRpc, store: RegisterStore): PeerRpc {
  return overriding(rpc, {
    request: (to, protocol, request, options) => {
      const config = configOf(store)
      const isJoining = config?.joint?.includes(to) === true && !config.voters.includes(to)
      const body = bodyOf(request) as VoteRequest | undefined
      const identity = { dbUuid: config?.databases[to] ?? '', voteSequence: 0 }
      if (isJoining && body?.kind === 'prepare')
        return Promise.resolve({ identity, promised: true, accepted: null, floor: ZERO_BALLOT })
      if (isJoining && body?.kind === 'accept') return Promise.resolve({ identity, accepted: true })
      return rpc.request(to, protocol, request, options)
    },
  })
}
