/** Sends the recorded requests to one node's Glance API and says what is known after each answer. */
import { describe, type ImageClient, jsonOf, type Reply } from '../../helpers/image-client.ts'
import type { Listed, RecordedInput, RecordedResult } from './history.ts'
import type { LiveState } from './image-model.ts'

/** Above every limit of the nodes: an operation takes at most EXECUTE_TIMEOUT_MS (4 s) and a round. */
const PATIENCE_MS = 6000
/** More than there are images in a run. */
const LIST_LIMIT = 1000
const MARK = 'mark'
/** The token is a property's name: adding and removing properties is the compare-and-set that Glance has. */
const TOKEN_PREFIX = 'token-'
const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'
const STALE_HEADER = 'x-serac-consistency'
/** What the answer to a change says when its outcome is open, see api/errors.ts. */
const OUTCOME_OPEN = 'may or may not have been made'
const NEVER_CONNECTED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])

type ShownProperties = { id: string } & Record<string, unknown>

export class GlanceSession {
  readonly #client: ImageClient

  constructor(client: ImageClient) {
    this.#client = client
  }

  /** Never rejects: what a broken connection leaves open is a result, too. */
  async send(input: RecordedInput): Promise<RecordedResult> {
    try {
      return resultOf(input, await this.#request(input, AbortSignal.timeout(PATIENCE_MS)))
    } catch (error) {
      return resultWithoutAnswer(error)
    }
  }

  #request(input: RecordedInput, signal: AbortSignal): Promise<Reply> {
    const client = this.#client
    switch (input.kind) {
      case 'create': {
        const headers = { 'content-type': 'application/json' }
        return client.send('POST', '/v2/images', { headers, body: draftOf(input.id, input.state), signal })
      }
      case 'get':
        return client.send('GET', pathOf(input.id), { signal })
      case 'delete':
        return client.send('DELETE', pathOf(input.id), { signal })
      case 'list':
        return client.send('GET', `/v2/images?limit=${LIST_LIMIT}`, { signal })
      case 'mark':
      case 'swap': {
        const headers = { 'content-type': PATCH_TYPE }
        return client.send('PATCH', pathOf(input.id), { headers, body: patchOf(input), signal })
      }
    }
  }
}

function pathOf(id: string): string {
  return `/v2/images/${id}`
}

function draftOf(id: string, { mark, token }: LiveState): Buffer {
  return Buffer.from(JSON.stringify({ id, name: 'recorded', [MARK]: mark, [TOKEN_PREFIX + token]: '' }))
}

function patchOf(input: RecordedInput & { kind: 'mark' | 'swap' }): Buffer {
  const changes =
    input.kind === 'mark'
      ? [{ op: 'replace', path: `/${MARK}`, value: input.mark }]
      : [
          // Removing what is not there is a conflict, and then nothing of the patch is done.
          { op: 'remove', path: `/${TOKEN_PREFIX}${input.from}` },
          { op: 'add', path: `/${TOKEN_PREFIX}${input.to}`, value: '' },
        ]
  return Buffer.from(JSON.stringify(changes))
}

function resultOf(input: RecordedInput, reply: Reply): RecordedResult {
  const { status, headers } = reply
  const result: RecordedResult = { verdict: 'ok', status, seen: null, listed: null, note: null }
  if (status === 503) {
    const note = describe(reply)
    return { ...result, verdict: note.includes(OUTCOME_OPEN) ? 'ambiguous' : 'unavailable', note }
  }
  if (headers[STALE_HEADER] !== undefined) result.verdict = 'stale'
  if (status >= 400) return { ...result, note: describe(reply) }
  if (input.kind === 'list') {
    const { images } = jsonOf(reply) as { images: ShownProperties[] }
    return { ...result, listed: images.map((image): Listed => ({ id: image.id, ...stateOf(image) })) }
  }
  return status === 204 ? result : { ...result, seen: stateOf(jsonOf(reply) as ShownProperties) }
}

/** An image with no token or several is one that no history explains. */
function stateOf(image: ShownProperties): LiveState {
  const tokens = Object.keys(image).filter((name) => name.startsWith(TOKEN_PREFIX))
  return { mark: String(image[MARK]), token: tokens.map((name) => name.slice(TOKEN_PREFIX.length)).join('+') }
}

function resultWithoutAnswer(error: unknown): RecordedResult {
  const { code, message } = error as NodeJS.ErrnoException
  const verdict = code !== undefined && NEVER_CONNECTED.has(code) ? 'unreached' : 'ambiguous'
  return { verdict, status: null, seen: null, listed: null, note: code ?? message }
}
