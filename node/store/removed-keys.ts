/**
 * Registers that were removed since this process started, with the ballot up to which they are gone (R9). A read that
 * began before the removal may still want its result learned: that must not bring the register back. Whatever the process
 * was waiting for ends with it, so memory is enough; rows that arrive from elsewhere are fenced by the floor.
 */
import { compareBallots, type Ballot } from '../../cluster/register/ballot.ts'

/** Far more removals than can happen while one request is under way (seconds); some 100 bytes each. */
const KEYS_MAX = 10_000

export class RemovedKeys {
  /** In the order of removal. */
  readonly #upTo = new Map<string, Ballot>()

  /** Covers what `write` removes, from before it begins; when it fails nothing was removed, and that is taken back. */
  async cover(key: string, ballot: Ballot, write: () => Promise<void>): Promise<void> {
    const takeBack = this.#note(key, ballot)
    try {
      await write()
    } catch (error) {
      takeBack()
      throw error
    }
  }

  covers(key: string, ballot: Ballot): boolean {
    const upTo = this.#upTo.get(key)
    return upTo !== undefined && compareBallots(ballot, upTo) <= 0
  }

  /** Answers with what takes it back. */
  #note(key: string, ballot: Ballot): () => void {
    const known = this.#upTo.get(key)
    const upTo = known && compareBallots(known, ballot) > 0 ? known : ballot
    this.#upTo.delete(key)
    this.#upTo.set(key, upTo)
    const [oldest] = this.#upTo.keys()
    if (this.#upTo.size > KEYS_MAX && oldest !== undefined) this.#upTo.delete(oldest)
    return () => {
      if (this.#upTo.get(key) !== upTo) return
      if (known) this.#upTo.set(key, known)
      else this.#upTo.delete(key)
    }
  }
}
