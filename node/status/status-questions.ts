/**
 * What nodes ask each other for operators, all over the one protocol of the status: by name, with a deadline. Who does not
 * answer is absent from what was gathered, and shown as unknown. A release that knows only the report answers with it
 * whatever it is asked, so every answer is checked by whoever asked.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { NodeId, PeerRpc } from '../../cluster/network/rpc-port.ts'

/**
 * report: everything of the status document. copies: what is on the disk of some images. events, capacity: what was noted
 * lately. loop: sets a background loop. cache: what is in the image cache, or a change of it.
 */
export type StatusQuestion = 'report' | 'copies' | 'events' | 'capacity' | 'loop' | 'cache'

export interface StatusQuestionsComponents {
  self: NodeId
  rpc: PeerRpc
}

type Answer = (args: unknown) => Promise<unknown>

/** The document is there within two seconds, whoever is silent. */
export const ASK_TIMEOUT_MS = 1500

export class StatusQuestions {
  readonly #components: StatusQuestionsComponents
  readonly #answers = new Map<string, Answer>()

  constructor(components: StatusQuestionsComponents) {
    this.#components = components
    components.rpc.handle('status', (_from, request) => this.#answer(request))
  }

  /** Sets what this node answers; what it throws reaches the one who asked. */
  on(question: StatusQuestion, answer: Answer): void {
    this.#answers.set(question, answer)
  }

  /** Asks a node, which may be this one. Rejects as the control plane does. */
  async ask(node: NodeId, question: StatusQuestion, args: unknown = null): Promise<unknown> {
    const { self, rpc } = this.#components
    const request = wireForm(question, args)
    if (node === self) return this.#answer(request)
    return rpc.request(node, 'status', request, { timeoutMs: ASK_TIMEOUT_MS })
  }

  /** Answers by node, read by `decode`, which throws for nonsense: that is no answer. */
  async askAll<T>(
    nodes: readonly NodeId[],
    question: StatusQuestion,
    decode: (answer: unknown) => T,
    argsFor: (node: NodeId) => unknown = () => null,
  ): Promise<Map<NodeId, T>> {
    const answers = new Map<NodeId, T>()
    const askOne = async (node: NodeId) => {
      answers.set(node, decode(await this.ask(node, question, argsFor(node))))
    }
    await Promise.all(nodes.map((node) => askOne(node).catch(() => {})))
    return answers
  }

  async #answer(request: unknown): Promise<unknown> {
    const { question = 'report', args = null } = (request ?? {}) as { question?: unknown; args?: unknown }
    const answer = typeof question === 'string' ? this.#answers.get(question) : undefined
    if (!answer) throw new ClusterError('BAD_FRAME', 'a question of the status is not known')
    return answer(args)
  }
}

/** null, as releases before this one ask for the report. */
function wireForm(question: StatusQuestion, args: unknown): unknown {
  return question === 'report' ? null : { question, args }
}
