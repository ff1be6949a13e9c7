/**
 * Tells the peers what was chosen, so that their rows are settled without a question (rule R5). Best effort: whoever
 * misses a notice learns of it from the change logs (R11).
 */
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { Bundler } from './bundler.ts'
import type { CommitNotice } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

/** One message, bytes: many notices of changes, or a few values for those that do not vote. */
const BUNDLE_BYTES_MAX = 1024 * 1024
/** What may wait for one peer. One that takes no more is behind anyway and will catch up. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** Key, ballot and digest, about. */
const NOTICE_BYTES = 200

export interface CommitNoticesComponents {
  voters: VoterClient
  config: ConfigView
}

export class CommitNotices {
  readonly #components: CommitNoticesComponents
  readonly #peers = new Map<NodeId, Bundler<CommitNotice>>()

  constructor(components: CommitNoticesComponents) {
    this.#components = components
  }

  tell(peer: NodeId, notice: CommitNotice): void {
    let bundler = this.#peers.get(peer)
    if (!bundler) this.#peers.set(peer, (bundler = this.#bundlerFor(peer)))
    bundler.add(notice)
  }

  #bundlerFor(peer: NodeId): Bundler<CommitNotice> {
    const { voters, config } = this.#components
    const send = (notices: CommitNotice[]) =>
      voters.committed(config.current(), peer, notices).catch(() => {})
    return new Bundler(send, {
      weightOf: ({ value }) => NOTICE_BYTES + (value?.length ?? 0),
      bundleMax: BUNDLE_BYTES_MAX,
      waitingMax: WAITING_BYTES_MAX,
    })
  }
}
