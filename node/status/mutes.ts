/**
 * Checks that operators know of and do not want to count for a while. Kept in memory by every node that was asked for the
 * status since: each report carries what its node knows, and the newest word on a check wins. So a mute outlives any one
 * node, and is over when it has expired, at the latest after MUTE_SECONDS_MAX.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'

export interface Mute {
  code: string
  /** Node or image the check is about, or null for the cluster. */
  who: string | null
  reason: string
  /** ISO time. */
  until: string
}

/** The newest word on a check. One that was ended early stays known until it would have expired. */
export interface MuteWord extends Mute {
  isEnded: boolean
  /** Orders the words on one check: wall time, ms, and above every word that was known. */
  wordMs: number
}

/** Thirty days: what must stay quiet for longer is to be mended. */
export const MUTE_SECONDS_MAX = 30 * 24 * 3600
export const MUTE_REASON_LENGTH_MAX = 255
/** More checks than this hold only where nobody mutes one by one. */
const WORDS_MAX = 500
/** Another node's clock may be ahead by this much, ms; a word from further on is not believed. */
const CLOCK_AHEAD_MS_MAX = 24 * 3600 * 1000

export class Mutes {
  readonly #clock: Pick<Clock, 'wallMs'>
  readonly #words = new Map<string, MuteWord>()

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock
  }

  /** `seconds` null ends it. Throws CONFLICT when too many are muted. */
  set(check: Pick<Mute, 'code' | 'who'>, seconds: number | null, reason: string): Mute | null {
    this.#dropExpired()
    const nowMs = this.#clock.wallMs()
    const known = this.#words.get(nameOf(check))
    if (seconds === null && !known) return null
    if (!known && this.#words.size >= WORDS_MAX)
      throw new ImageError('CONFLICT', `${WORDS_MAX} checks are muted; end some of them first.`)
    const until = seconds === null ? known!.until : new Date(nowMs + seconds * 1000).toISOString()
    const wordMs = Math.max(nowMs, (known?.wordMs ?? 0) + 1)
    const { code, who } = check
    this.#words.set(nameOf(check), { code, who, reason, until, isEnded: seconds === null, wordMs })
    return seconds === null ? null : { code, who, reason, until }
  }

  /** Takes in what another node knows. */
  merge(words: readonly MuteWord[]): void {
    const horizonMs = this.#clock.wallMs() + CLOCK_AHEAD_MS_MAX
    for (const word of words) {
      const known = this.#words.get(nameOf(word))
      const isNews = !known || word.wordMs > known.wordMs
      if (!isNews || word.wordMs > horizonMs || (!known && this.#words.size >= WORDS_MAX)) continue
      this.#words.set(nameOf(word), word)
    }
    this.#dropExpired()
  }

  /** What this node tells the others. */
  words(): MuteWord[] {
    this.#dropExpired()
    return [...this.#words.values()]
  }

  of(check: Pick<Mute, 'code' | 'who'>): Mute | null {
    const word = this.#words.get(nameOf(check))
    if (!word || word.isEnded || Date.parse(word.until) <= this.#clock.wallMs()) return null
    const { code, who, reason, until } = word
    return { code, who, reason, until }
  }

  #dropExpired(): void {
    const nowMs = this.#clock.wallMs()
    for (const [name, { until }] of this.#words) if (Date.parse(until) <= nowMs) this.#words.delete(name)
  }
}

function nameOf({ code, who }: Pick<Mute, 'code' | 'who'>): string {
  return `${code} ${who ?? ''}`
}

/** Throws BAD_FRAME. */
export function decodeMuteWords(value: unknown): MuteWord[] {
  if (!Array.isArray(value) || value.length > WORDS_MAX || !value.every(isWord))
    throw new ClusterError('BAD_FRAME', 'the mutes of a node are malformed')
  return value
}

function isWord(value: unknown): value is MuteWord {
  const { code, who, reason, until, isEnded, wordMs } = (value ?? {}) as Partial<MuteWord>
  return (
    [code, reason].every((each) => typeof each === 'string') &&
    (who === null || typeof who === 'string') &&
    typeof until === 'string' &&
    Number.isFinite(Date.parse(until)) &&
    typeof isEnded === 'boolean' &&
    Number.isFinite(wordMs)
  )
}
