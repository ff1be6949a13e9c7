/** Sends nasty requests to real nodes and judges what comes back: a refusal or a success, in time, and nobody stumbles. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import type { DevNode } from '../../../deploy/dev/dev-node.ts'
import { ImageClient, jsonOf, type ShownImage } from '../../helpers/image-client.ts'
import { residentBytes } from '../../helpers/memory-of.ts'
import { readAll, sendTo } from '../../helpers/raw-http.ts'
import { nastyRequest } from './nasty-requests.ts'
import { encode, type NastyRequest } from './wire-form.ts'

export interface FuzzOptions {
  /** About so many requests, and no fewer. */
  cases: number
  seed: number
  /** Where a failure of that seed was found: only that is run. */
  path?: string
  signal?: AbortSignal
}

export interface FuzzResult {
  /** Requests that were sent. */
  sent: number
  /** How often each status came. */
  statuses: ReadonlyMap<number, number>
  /** The smallest case that goes wrong, as text; null: all was well. */
  wrong: string | null
  /** By which the resident memory of each node grew in the last three quarters, bytes. */
  growthBytes: number[]
}

/** All that the API knows to say. 503 is judged apart. */
const EXPECTED = new Set([
  ...[200, 201, 204, 206, 300, 400, 403, 404, 405, 408, 409, 410, 412, 413, 414, 415, 416, 417, 431],
])
/** A node may have lost its majority for a moment, on a busy machine; what it says each time is no such moment. */
const BUSY_TRIES_MAX = 4
const BUSY_PAUSE_MS = 1000
/** No assertion of speed: whoever hangs is found in bearable time. Below what the API waits for the rest of a body. */
const ANSWER_MS_MAX = 25_000
/** What is no whole request may wait for its rest for ever: after this time without an answer nothing more is sent. */
const QUIET_MS = 50
/** Requests that are sent at the same time, at most. */
const AT_ONCE_MAX = 8
const MEAN_AT_ONCE = 4
/** After so many cases the images are put in order again. */
const CASES_PER_TIDY = 250
const PAGE_IMAGES_MAX = 1000

export class Fuzz {
  readonly #nodes: readonly DevNode[]
  readonly #client: ImageClient
  readonly #requests: fc.Arbitrary<NastyRequest>
  readonly #statuses = new Map<number, number>()
  #ids = { active: '', queued: '' }
  #sent = 0
  #tidyAt = 0

  constructor(nodes: readonly DevNode[], requests = nastyRequest) {
    this.#requests = requests
    this.#nodes = nodes
    this.#client = new ImageClient(nodes[0]!.apiUrl)
  }

  async run({ cases, seed, path, signal }: FuzzOptions): Promise<FuzzResult> {
    const pids = await this.#pids()
    let before: number[] | null = null
    const several = fc.array(this.#requests, { minLength: 1, maxLength: AT_ONCE_MAX, size: 'max' })
    const property = fc.asyncProperty(several, async (requests) => {
      signal?.throwIfAborted()
      await this.#tidyInTime()
      if (this.#sent >= cases / 4) before ??= await Promise.all(pids.map(residentBytes))
      await Promise.all(requests.map((request) => this.#judge(request)))
    })
    const numRuns = Math.ceil(cases / MEAN_AT_ONCE)
    const outcome = await fc.check(property, { numRuns, seed, ...(path !== undefined && { path }) })
    signal?.throwIfAborted()
    await this.#tidy()
    const after = await Promise.all((await this.#pids()).map(residentBytes))
    const [smallest] = outcome.counterexample ?? []
    return {
      sent: this.#sent,
      statuses: this.#statuses,
      wrong: smallest ? this.#tell(smallest, outcome) : await this.#aftermath(pids),
      growthBytes: after.map((bytes, index) => bytes - (before?.[index] ?? bytes)),
    }
  }

  /** Throws an Error that says what is wrong with the answer. */
  async #judge(request: NastyRequest): Promise<void> {
    const node = this.#nodes[this.#sent++ % this.#nodes.length]!
    for (let tries = 1; ; tries++) {
      const statuses = statusesIn(await this.#exchange(node, request))
      const wrong = statuses.find((status) => !EXPECTED.has(status) && status !== 503)
      if (wrong !== undefined) throw new Error(`node ${node.index} answered ${wrong}`)
      for (const status of statuses) this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
      if (!statuses.includes(503)) return
      if (tries === BUSY_TRIES_MAX) throw new Error(`node ${node.index} answers 503 each time`)
      await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS))
    }
  }

  /** Throws when an answer is due and does not come, or when the connection stays open. */
  async #exchange(node: DevNode, request: NastyRequest): Promise<string> {
    const [first = Buffer.alloc(0), ...others] = encode(request, this.#ids)
    const socket = sendTo(node.apiPort, first)
    let seen = ''
    const late = new AbortController()
    late.signal.addEventListener('abort', () => socket.destroy())
    const lateTimer = setTimeout(() => late.abort(), ANSWER_MS_MAX)
    // Not before its answer: whoever closes its side is given up by the server.
    const quiet = request.isWhole ? undefined : setTimeout(() => socket.end(), QUIET_MS)
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1')
      if (statusesIn(seen).length > 0) socket.end()
    })
    const answer = readAll(socket)
    for (const piece of others) {
      await turn()
      socket.write(piece)
    }
    const text = await answer
    clearTimeout(lateTimer)
    clearTimeout(quiet)
    if (late.signal.aborted)
      throw new Error(`node ${node.index} said only ${JSON.stringify(text)}, and left the connection open`)
    return text
  }

  async #tidyInTime(): Promise<void> {
    if (this.#sent < this.#tidyAt) return
    await this.#tidy()
    this.#tidyAt = this.#sent + CASES_PER_TIDY
  }

  /** What was made goes; the two images are there again. */
  async #tidy(): Promise<void> {
    for (const hidden of ['false', 'true'])
      for (const { id } of await this.#listed(hidden)) {
        await this.#unprotect(id)
        await this.#client.remove(id)
      }
    await this.#removeDefinitions()
    const active = await this.#client.newImage()
    await this.#client.put(active, Buffer.from('abc'))
    this.#ids = { active, queued: await this.#client.newImage() }
  }

  async #removeDefinitions(): Promise<void> {
    const root = '/v2/metadefs/namespaces'
    const listed = jsonOf(await this.#client.send('GET', `${root}?limit=${PAGE_IMAGES_MAX}`))
    for (const { namespace } of (listed as { namespaces: { namespace: string }[] }).namespaces) {
      const path = `${root}/${encodeURIComponent(namespace)}`
      const body = Buffer.from(JSON.stringify({ namespace, protected: false }))
      await this.#client.send('PUT', path, { headers: { 'content-type': 'application/json' }, body })
      await this.#client.send('DELETE', path)
    }
  }

  async #listed(hidden: string): Promise<ShownImage[]> {
    const path = `/v2/images?limit=${PAGE_IMAGES_MAX}&visibility=all&os_hidden=${hidden}`
    return (jsonOf(await this.#client.send('GET', path)) as { images: ShownImage[] }).images
  }

  async #unprotect(id: string): Promise<void> {
    const body = Buffer.from('[{"replace":"/protected","value":false}]')
    const headers = { 'content-type': 'application/openstack-images-v2.0-json-patch' }
    await this.#client.send('PATCH', `/v2/images/${id}`, { headers, body })
  }

  #tell(requests: NastyRequest[], { seed, counterexamplePath, errorInstance }: Failure): string {
    const texts = requests.map((request) =>
      JSON.stringify(Buffer.concat(encode(request, this.#ids)).toString('latin1')),
    )
    return `${String(errorInstance)}\nto ${texts.join('\nand ')}\n(--seed ${seed} --path ${counterexamplePath})`
  }

  async #aftermath(pids: readonly number[]): Promise<string | null> {
    if (String(await this.#pids()) !== String(pids)) return 'a process has ended'
    for (const node of this.#nodes) {
      if ((await node.probe('/ready')) !== 200) return `node ${node.index} is not ready any more`
      if (
        (await readFile(join(node.directory, 'serac.log'), 'utf8')).includes('a request failed unexpectedly')
      )
        return `node ${node.index} has logged an unexpected failure`
    }
    return null
  }

  async #pids(): Promise<number[]> {
    return Promise.all(this.#nodes.map(async ({ process }) => (await process.pid()) ?? 0))
  }
}

type Failure = Pick<fc.RunDetails<[NastyRequest[]]>, 'seed' | 'counterexamplePath' | 'errorInstance'>

/** Of all answers on a connection, whose bodies are skipped by their length; of the rest nothing can be told. */
function statusesIn(text: string): number[] {
  const statuses: number[] = []
  for (let at = 0; ;) {
    const [head, status] = /^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/.exec(text.slice(at)) ?? []
    if (head === undefined) return statuses
    const code = Number(status)
    if (code >= 200) statuses.push(code)
    const [, length = '0'] = /\r\ncontent-length: (\d+)\r\n/i.exec(head) ?? []
    at += head.length
    // An answer to HEAD has a length and no body.
    if (!text.slice(at).startsWith('HTTP/1.1 ')) at += Number(length)
  }
}
