/** Has a node move one image from store to store, and asks until it is there, whatever stops or dies meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreMoveState } from '../../imports/store-mover.ts'
import type { StoredImageView } from '../../status/store-admin.ts'
import { NotAskedError } from '../cli-io.ts'
import type { MovedLine, Outcome } from '../moving/moving-report.ts'
import { type OperatorClient, OperatorError } from '../operator-client.ts'

export interface StoreMoveOptions {
  from: string
  to: string
  keepSource: boolean
  /** Null: none. */
  bytesPerSecondMax: number | null
}

/** Of an image that is named and may be in no store that was looked at, only the id is known. */
export type WantedImage = Pick<StoredImageView, 'id' | 'name' | 'sizeBytes'> & { isNamed: boolean }

/** A node that restarts, or a back end, should end no run of hours: two minutes in all. */
const TRIES_MAX = 9
const FIRST_PAUSE_MS = 500
const PAUSE_MS_MAX = 30_000
/** What a node has left that is gone ends within a minute. */
const BUSY_LIMIT_MS = 150_000
const BUSY_PAUSE_MS = 1000
/** 409, 410, 5xx: it may be otherwise the next time. */
const FINAL_STATUSES = new Set([400, 401, 403, 404])

export class StoreMoveClient {
  readonly #client: Pick<OperatorClient, 'send'>
  readonly #options: StoreMoveOptions
  readonly #noteBytes: (count: number) => void

  constructor(
    client: Pick<OperatorClient, 'send'>,
    options: StoreMoveOptions,
    noteBytes: (count: number) => void,
  ) {
    this.#client = client
    this.#options = options
    this.#noteBytes = noteBytes
  }

  /** Throws NotAskedError when no node answers any more. */
  async move(image: WantedImage): Promise<MovedLine> {
    let failure: unknown = null
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (tries > 0) await sleep(Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), PAUSE_MS_MAX))
      try {
        const end = await this.#follow(image.id)
        if (end.state !== 'failed') return this.#lineOf(image, end)
        failure = new Error(end.why)
      } catch (error) {
        failure = error
        if (error instanceof OperatorError && FINAL_STATUSES.has(error.status)) break
      }
    }
    if (failure instanceof NotAskedError) throw failure
    return lineOf(image, 'failed', failure instanceof Error ? failure.message : String(failure))
  }

  /** Until it has an end. */
  async #follow(id: string): Promise<StoreMoveState> {
    let toldBytes = 0
    let hasBegun = false
    for (let waitedMs = 0; ;) {
      const found = await this.#ask(id)
      if (found.state === 'copying') {
        this.#noteBytes(Math.max(0, found.doneBytes - toldBytes))
        toldBytes = Math.max(toldBytes, found.doneBytes)
      }
      if (found.state === 'copying' || found.state === 'verifying') {
        hasBegun = true
        continue
      }
      // Its end was told to somebody else, or with a node that has restarted since.
      if (found.state === 'present' && hasBegun) return { state: 'moved' }
      if (found.state !== 'busy' || waitedMs >= BUSY_LIMIT_MS) return found
      waitedMs += BUSY_PAUSE_MS
      await sleep(BUSY_PAUSE_MS)
    }
  }

  #ask(id: string): Promise<StoreMoveState> {
    const { from, ...order } = this.#options
    const path = `/v1/cluster/stores/${encodeURIComponent(from)}/images/${encodeURIComponent(id)}/move`
    return this.#client.send('POST', path, order) as Promise<StoreMoveState>
  }

  #lineOf(image: WantedImage, { state }: StoreMoveState): MovedLine {
    if (state === 'moved' || state === 'present') return lineOf(image, state, '')
    if (state !== 'absent') return lineOf(image, 'failed', 'somebody works on it; start again to go on')
    const why = `the store ${this.#options.from} has no such image`
    return lineOf(image, image.isNamed ? 'failed' : 'left-out', why)
  }
}

function lineOf({ id, name, sizeBytes }: WantedImage, outcome: Outcome, detail: string): MovedLine {
  return { id, name, size: sizeBytes, outcome, detail, needsAttention: outcome === 'failed' }
}
