/**
 * Notices a disk that hangs. It tells no error, so that whoever waits for it would wait for as long as it likes; here they
 * are told, and those who come later at once. What hangs may still end well afterwards.
 */
import { ClusterError, type ClusterErrorCode } from '../../cluster/errors.ts'
import { stopController, type Clock } from '../../cluster/runtime.ts'
import type { DiskHangs } from '../../cluster/transfer/impatient-chunks.ts'
import type { Pulse } from './pulse.ts'

/** Silence is counted in looks, not in time: where the event loop itself was late, what has ended meanwhile is still unread. */
const LOOK_EVERY_MS = 250
/** 2 s: as long as a peer may show nothing before another node takes its place. */
const LOOKS_MAX = 8
/**
 * 10 s, where nobody takes its place: a drive tries for seconds to read a bad sector. Where there is another copy, it is
 * asked much earlier (see ChunkFetcher).
 */
const LOOKS_ALONE_MAX = 40

export class DiskWatch implements DiskHangs {
  readonly #clock: Clock
  readonly #writing: Lane
  readonly #reading: Lane
  #isAlone = () => false
  #cancel = () => {}

  constructor(clock: Clock, { writing, reading }: Record<'writing' | 'reading', readonly Pulse[]>) {
    this.#clock = clock
    this.#writing = new Lane(writing, 'STORE_NOT_WRITABLE', 'no write to it ends')
    this.#reading = new Lane(reading, 'CHUNK_UNAVAILABLE', 'no read of it ends')
  }

  /** While `isAlone` holds no other node can store what this one does not: writes then have as long as reads. */
  allowForLoneNode(isAlone: () => boolean): void {
    this.#isAlone = isAlone
  }

  writing(): AbortSignal {
    return this.#writing.signal
  }

  reading(): AbortSignal {
    return this.#reading.signal
  }

  /** What hangs now, or null. */
  get hang(): Error | null {
    return this.#writing.hang ?? this.#reading.hang
  }

  start(): void {
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => {
      this.#writing.look(this.#isAlone() ? LOOKS_ALONE_MAX : LOOKS_MAX)
      this.#reading.look(LOOKS_ALONE_MAX)
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }
}

/** Work of one kind. */
class Lane {
  readonly #pulses: { pulse: Pulse; beats: number; silentLooks: number }[]
  readonly #code: ClusterErrorCode
  readonly #what: string
  #hanging = stopController()

  constructor(pulses: readonly Pulse[], code: ClusterErrorCode, what: string) {
    this.#pulses = pulses.map((pulse) => ({ pulse, beats: 0, silentLooks: 0 }))
    this.#code = code
    this.#what = what
  }

  get signal(): AbortSignal {
    return this.#hanging.signal
  }

  get hang(): Error | null {
    return this.signal.aborted ? (this.signal.reason as Error) : null
  }

  look(looksMax: number): void {
    for (const each of this.#pulses) {
      const { isBusy, beats } = each.pulse
      each.silentLooks = isBusy && beats === each.beats ? each.silentLooks + 1 : 0
      each.beats = beats
    }
    const hangs = this.#pulses.some(({ silentLooks }) => silentLooks >= looksMax)
    if (hangs === this.signal.aborted) return
    if (hangs) this.#hanging.abort(new ClusterError(this.#code, `the disk of this node hangs: ${this.#what}`))
    else this.#hanging = stopController()
  }
}
