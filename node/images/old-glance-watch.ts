/** Asks the old Glance every now and then whether it is there, and keeps what operators want to know of it. */
import type { Clock } from '../../cluster/runtime.ts'

/** Since the start. */
export interface OldGlanceCounts {
  /** Requests for images that are only there. */
  shown: number
  /** Downloads from there that were begun. */
  opened: number
  /** Ids that are not there either, or not for that caller. */
  absent: number
  /** It did not answer, or with an error. */
  failed: number
}

/** What a node says of it. */
export interface OldGlanceState {
  /** Without credentials. */
  url: string
  counts: OldGlanceCounts
  /** ISO time when somebody last asked for an image that is only there; null: nobody since the start. */
  lastShownAt: string | null
  /** ISO time of its last answer to the watch; null: none since the start. */
  lastAnswerAt: string | null
  /** Why it did not answer when it was last asked; null: it did, or was not asked yet. */
  failure: string | null
}

export interface OldGlanceWatchComponents {
  clock: Clock
  /** Rejects when that Glance does not answer. */
  ask: () => Promise<void>
}

/** As often as a node looks at the status of the cluster. */
const EVERY_MS = 30_000

export class OldGlanceWatch {
  readonly counts: OldGlanceCounts = { shown: 0, opened: 0, absent: 0, failed: 0 }
  readonly #components: OldGlanceWatchComponents
  #lastShownAt: string | null = null
  #lastAnswerAt: string | null = null
  #failure: string | null = null
  #cancel = () => {}
  #isStopped = false

  constructor(components: OldGlanceWatchComponents) {
    this.#components = components
  }

  /** Asks at once, and from then on. */
  start(): void {
    void this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  /** Somebody asked for an image that is only there, or for one that is not there either. */
  noteShow(isThere: boolean): void {
    this.counts[isThere ? 'shown' : 'absent']++
    if (isThere) this.#lastShownAt = this.#now()
  }

  stateOf(url: string): OldGlanceState {
    return {
      url,
      counts: { ...this.counts },
      lastShownAt: this.#lastShownAt,
      lastAnswerAt: this.#lastAnswerAt,
      failure: this.#failure,
    }
  }

  async #look(): Promise<void> {
    const { clock, ask } = this.#components
    try {
      await ask()
      this.#lastAnswerAt = this.#now()
      this.#failure = null
    } catch (error) {
      this.#failure = (error as Error).message
    }
    if (!this.#isStopped) this.#cancel = clock.after(EVERY_MS, () => void this.#look())
  }

  #now(): string {
    return new Date(this.#components.clock.wallMs()).toISOString()
  }
}
