/**
 * Lets nodes ask each other whether they hold an image for good. The question names the epoch that the asker goes by, and
 * counts only where that very epoch is in force: whoever says yes holds the image, is placed for it, and gives it up
 * under a later epoch at the earliest.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import type { NodeId, PeerRpc } from '../../cluster/network/rpc-port.ts'
import { isChunkHash } from '../../cluster/transfer/bulk-protocol.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'

export interface CopyQuestion {
  epoch: number
  root: ChunkHash
}

export interface CopyQuestionsComponents {
  rpc: PeerRpc
  config: ConfigView
  isHeld: (root: ChunkHash) => boolean
  /** Until this node has caught up, its chunks count for nothing (R11). */
  caughtUp: () => boolean
}

const ANSWER_TIMEOUT_MS = 2000

export class CopyQuestions {
  readonly #components: CopyQuestionsComponents

  constructor(components: CopyQuestionsComponents) {
    this.#components = components
    components.rpc.handle('holding', async (_from, request) => this.answer(parseQuestion(request)))
  }

  /** Whether `node` says that it holds the image. Throws as the control plane does. */
  async ask(node: NodeId, question: CopyQuestion, signal: AbortSignal): Promise<boolean> {
    const options = { timeoutMs: ANSWER_TIMEOUT_MS, signal }
    return (await this.#components.rpc.request(node, 'holding', question, options)) === true
  }

  answer({ epoch, root }: CopyQuestion): boolean {
    const { config, isHeld, caughtUp } = this.#components
    return caughtUp() && config.current().epoch === epoch && isHeld(root)
  }
}

function parseQuestion(request: unknown): CopyQuestion {
  const { epoch, root } = (request ?? {}) as Partial<Record<keyof CopyQuestion, unknown>>
  if (typeof epoch !== 'number' || !isChunkHash(root))
    throw new ClusterError('BAD_FRAME', 'a question for a copy is malformed')
  return { epoch, root }
}
