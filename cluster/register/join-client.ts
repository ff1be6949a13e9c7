/** The other side of the join desk: a node without a cluster asks the hosts of its invite, one after the other. */
import { ClusterError, hasCode } from '../errors.ts'
import type { InviteToken } from '../membership/invite-token.ts'
import { Host } from '../network/host.ts'
import type { NodeIdentity } from '../network/identity.ts'
import { Rpc } from '../network/rpc.ts'
import type { Clock, Log } from '../runtime.ts'
import { parseConfigRow } from './epoch-fence.ts'
import type { JoinRequest } from './join-desk.ts'
import type { LearnerRow } from './storage.ts'

export interface JoinClientComponents {
  identity: NodeIdentity
  clock: Clock
  log: Log
}

export interface JoinClientOptions {
  /** The address to ask from. */
  bindHost: string
  /** A host that answered and then hung up is asked again this often: it may not know of the invite yet. */
  rounds?: number
}

/** The asked node may have to wait for a majority, and to try again when changes of the config collide. */
const ANSWER_TIMEOUT_MS = 10_000
const ROUNDS = 3

/**
 * Shows the invite; resolves with the row of the cluster config that has this node in it. May be called again with the
 * same invite after a crash. Throws MEMBERSHIP_REFUSED when the cluster says no, PEER_UNREACHABLE when nobody answers.
 */
export async function askToJoin(
  components: JoinClientComponents,
  token: InviteToken,
  request: Omit<JoinRequest, 'secret'>,
  { bindHost, rounds = ROUNDS }: JoinClientOptions,
): Promise<LearnerRow> {
  const isAllowed = (peer: string) => token.hosts.some(({ id }) => id === peer)
  const host = new Host(components, { listen: `${bindHost}:0`, isAllowed })
  const rpc = new Rpc(
    { ...components, host },
    { clusterId: () => token.clusterId, epoch: () => 0, linkTo: () => null },
  )
  await host.start()
  try {
    let failure: unknown
    for (let round = 0; round < rounds; round++) {
      for (const { id, address } of token.hosts) {
        try {
          const link = await host.dial(id, address)
          const body: JoinRequest = { secret: token.secret, ...request }
          const row = parseConfigRow(
            await rpc.requestOn(link, 'admission', body, { timeoutMs: ANSWER_TIMEOUT_MS }),
          )
          if (row) return row
          failure = new ClusterError(
            'BAD_FRAME',
            `node ${id} answered with something that is no cluster config`,
          )
        } catch (error) {
          if (hasCode(error, 'MEMBERSHIP_REFUSED', 'PEER_BUSY')) throw error
          failure = error
        }
      }
    }
    throw unanswered(failure)
  } finally {
    rpc.stop()
    await host.stop()
  }
}

function unanswered(cause: unknown): ClusterError {
  const why = cause instanceof Error ? cause.message : 'the invite names nobody'
  const message =
    `no voter of the cluster took the invite (${why}): see that they run and can be reached from here; ` +
    `they hang up at once when no invite is open, so a used or expired one looks the same`
  return new ClusterError('PEER_UNREACHABLE', message, {}, cause)
}
