/** What a cloud does with its images while its controllers change: reads, uploads and small writes, through HAProxy. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { describe, type ImageClient } from '../../helpers/image-client.ts'
import { eventually } from '../../helpers/probe-cluster.ts'
import { digestOf, type Digest, patternImage } from '../../helpers/pattern-image.ts'

export interface FailedRead {
  /** By which HAProxy's log knows it. */
  requestId: string
  why: string
}

const READERS = 3
const UPLOADERS = 1
const UPLOAD_BYTES = 3 * 1024 ** 2 + 17
/** Of the one who writes: fine enough to see gaps of some 10 ms. */
const WRITE_PAUSE_MS = 20
/** Of all others: it is no test of how much the machine can take. */
const PAUSE_MS = 100

export class ClientLoad {
  reads = 0
  readonly failedReads: FailedRead[] = []
  /** Acknowledged uploads. */
  readonly stored = new Map<string, Digest>()
  failedUploads = 0
  writes = 0
  /** The longest time from when a write was first asked for until one was acknowledged, ms. */
  longestGapMs = 0
  /** The same, before anything happened. */
  quietGapMs = 0
  readonly #client: ImageClient
  readonly #wanted: readonly [id: string, sha512: string][]
  readonly #running: Promise<unknown>
  #isStopped = false

  /** `wanted`: the images that are read, with their digests. Resolves when each has done something; ends with `t`. */
  static async start(t: Test, client: ImageClient, wanted: ReadonlyMap<string, string>): Promise<ClientLoad> {
    const load = new ClientLoad(client, wanted)
    t.teardown(() => load.stop())
    await eventually(
      'every client has begun',
      async () => load.reads > READERS && load.writes > 0 && load.stored.size > 0,
    )
    return load
  }

  private constructor(client: ImageClient, wanted: ReadonlyMap<string, string>) {
    this.#client = client
    this.#wanted = [...wanted]
    this.#running = Promise.all([
      ...Array.from({ length: READERS }, (_, lane) =>
        this.#lane((turn) => this.#read(lane + turn * READERS)),
      ),
      ...Array.from({ length: UPLOADERS }, (_, lane) => this.#lane((turn) => this.#upload(lane, turn))),
      this.#write(),
    ])
  }

  /** Whatever disturbs it begins now. */
  begins(): void {
    this.quietGapMs = this.longestGapMs
    this.longestGapMs = 0
  }

  /** For some time, ms, and at least until another upload was acknowledged. */
  async goesOn(timeMs: number): Promise<void> {
    const { size } = this.stored
    await sleep(timeMs)
    await eventually('an upload is acknowledged', async () => this.stored.size > size)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #lane(act: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      await act(turn)
      await sleep(PAUSE_MS)
    }
  }

  async #read(turn: number): Promise<void> {
    const [id, sha512] = this.#wanted[turn % this.#wanted.length]!
    const requestId = `req-${randomUUID()}`
    this.reads++
    try {
      const headers = { 'x-openstack-request-id': requestId }
      const answer = await this.#client.open('GET', `/v2/images/${id}/file`, { headers })
      if (answer.statusCode !== 200) throw new Error(`it was answered by ${answer.statusCode}`)
      if ((await digestOf(answer)).sha512 !== sha512) throw new Error('other bytes came')
    } catch (error) {
      this.failedReads.push({ requestId, why: (error as Error).message })
    }
  }

  async #upload(lane: number, turn: number): Promise<void> {
    const seed = 1_000_000 * (lane + 1) + turn
    try {
      const id = await this.#client.newImage({ name: 'uploaded meanwhile' })
      const reply = await this.#client.put(id, patternImage(UPLOAD_BYTES, seed))
      if (reply.status !== 204) throw new Error(describe(reply))
      this.stored.set(id, await digestOf(patternImage(UPLOAD_BYTES, seed)))
    } catch {
      this.failedUploads++
    }
  }

  async #write(): Promise<void> {
    const id = await this.#client.newImage()
    let since = performance.now()
    while (!this.#isStopped) {
      const reply = await this.#client.rename(id, `name ${++this.writes}`).catch(() => null)
      if (reply?.status === 200) {
        this.longestGapMs = Math.max(this.longestGapMs, performance.now() - since)
        await sleep(WRITE_PAUSE_MS)
        since = performance.now()
      }
    }
  }
}
