/**
 * Remembers for a bounded time what Keystone said of a token, so that a client's thousand requests cost one question. Tokens
 * themselves are not kept: entries are known by a hash.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import type { TokenFacts } from './token-facts.ts'

/** null: Keystone does not know the token, or not any more. */
export type TokenLookUp = (token: string, allowExpired: boolean) => Promise<TokenFacts | null>

export interface TokenCacheOptions {
  /** 0 = nothing is remembered. */
  keepMs: number
  /** The one that was not used for the longest time goes first. */
  tokensMax?: number
  /** Questions under way at once; whoever comes then is told to try again. */
  questionsMax?: number
}

/** About 1 KB each. */
const TOKENS_MAX = 10_000
/** A Keystone that is only slow works these off in seconds; more would only wait to be too late. */
const QUESTIONS_MAX = 512

interface Remembered {
  facts: TokenFacts
  /** Monotonic. */
  untilMs: number
}

export class TokenCache {
  readonly #clock: Clock
  readonly #lookUp: TokenLookUp
  readonly #keepMs: number
  readonly #tokensMax: number
  readonly #questionsMax: number
  /** The most recently used is last. */
  readonly #remembered = new Map<string, Remembered>()
  readonly #questions = new Map<string, Promise<TokenFacts | null>>()
  #asking = 0

  constructor(clock: Clock, lookUp: TokenLookUp, options: TokenCacheOptions) {
    this.#clock = clock
    this.#lookUp = lookUp
    this.#keepMs = options.keepMs
    this.#tokensMax = options.tokensMax ?? TOKENS_MAX
    this.#questionsMax = options.questionsMax ?? QUESTIONS_MAX
  }

  get size(): number {
    return this.#remembered.size
  }

  /**
   * What is known of `token`; it may have expired since, and did so before if that was allowed. Throws what the look-up
   * throws, and UNAVAILABLE when too many wait for it already.
   */
  async find(token: string, allowExpired: boolean): Promise<TokenFacts | null> {
    if (this.#keepMs <= 0) return this.#ask(token, allowExpired)
    const key = createHash('sha256').update(token).digest('base64')
    const known = this.#recall(key)
    if (known !== null) return known
    // The answers differ for a token that has expired.
    const question = allowExpired ? `${key} expired` : key
    const underWay = this.#questions.get(question)
    if (underWay !== undefined) return underWay
    const asked = this.#askAndRemember(token, allowExpired, key).finally(() =>
      this.#questions.delete(question),
    )
    this.#questions.set(question, asked)
    return asked
  }

  #recall(key: string): TokenFacts | null {
    const known = this.#remembered.get(key)
    if (known === undefined) return null
    this.#remembered.delete(key)
    if (this.#clock.monotonicMs() >= known.untilMs) return null
    this.#remembered.set(key, known)
    return known.facts
  }

  async #askAndRemember(token: string, allowExpired: boolean, key: string): Promise<TokenFacts | null> {
    // From before the question: a token that is revoked while Keystone answers is good for no longer than any other.
    const untilMs = this.#clock.monotonicMs() + this.#keepMs
    const facts = await this.#ask(token, allowExpired)
    if (facts !== null) this.#remember(key, { facts, untilMs })
    return facts
  }

  #remember(key: string, found: Remembered): void {
    this.#remembered.delete(key)
    this.#remembered.set(key, found)
    if (this.#remembered.size <= this.#tokensMax) return
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }

  async #ask(token: string, allowExpired: boolean): Promise<TokenFacts | null> {
    if (this.#asking >= this.#questionsMax) {
      const message = 'Too many tokens wait to be checked by the identity service. Please try again.'
      throw new ImageError('UNAVAILABLE', message)
    }
    this.#asking++
    try {
      return await this.#lookUp(token, allowExpired)
    } finally {
      this.#asking--
    }
  }
}
