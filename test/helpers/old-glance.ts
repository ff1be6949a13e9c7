/** The Glance that a cluster takes over from, played by a stand-in, and what asks it in production. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { silentLog, systemClock } from '../../cluster/runtime.ts'
import type { KnownRecord } from '../../node/images/image-registers.ts'
import { OldGlance } from '../../node/images/old-glance.ts'
import { OutboundRules } from '../../node/outbound/outbound-rules.ts'
import { UndiciOutbound } from '../../node/outbound/undici-outbound.ts'
import { loopDigest } from './loop-digest.ts'
import { noBackends } from './memory-backends.ts'

export const BYTES = Buffer.from('bytes that are still in the old Glance')
export const TOKEN = 'the-callers-own-token'

export function shownImage(changes: object = {}) {
  const hex = createHash('sha512').update(BYTES).digest('hex')
  const hashes = {
    checksum: createHash('md5').update(BYTES).digest('hex'),
    os_hash_algo: 'sha512',
    os_hash_value: hex,
  }
  return {
    id: randomUUID(),
    status: 'active',
    size: BYTES.length,
    name: 'old',
    k: 'v',
    ...hashes,
    ...changes,
  }
}

export type Answers = Record<string, (request: IncomingMessage, response: ServerResponse) => void>

/** Answers by path; what is not there is a 404, and so is everything without the token. */
export async function oldGlanceOf(t: Test, answers: Answers) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${String(request.headers['x-auth-token'])}`)
    const answer = request.headers['x-auth-token'] === TOKEN ? answers[request.url ?? ''] : undefined
    if (answer) answer(request, response)
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { asked, server, url: `http://127.0.0.1:${port}` }
}

export function servedBy(image: ReturnType<typeof shownImage>, bytes = BYTES): Answers {
  return {
    [`/v2/images/${image.id}`]: (_request, response) => response.end(JSON.stringify(image)),
    [`/v2/images/${image.id}/file`]: ({ headers }, response) => {
      const [, start = 0, end = 0] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
      if (headers.range === undefined) return response.end(bytes)
      response.setHeader('content-range', `bytes ${start}-${end}/${bytes.length}`)
      return response.writeHead(206).end(bytes.subarray(Number(start), Number(end) + 1))
    },
  }
}

/** Asks the one at `url` for what is not among the `known`. */
export function askingOldGlance(url: string, known: Map<string, KnownRecord> = new Map()): OldGlance {
  const none = { disallowedSchemes: [], disallowedHosts: [], disallowedPorts: [], disallowedAddresses: [] }
  const rules = new OutboundRules({
    ...{ ...none, allowedSchemes: ['http'], allowedHosts: ['127.0.0.1'], allowedPorts: [] },
    allowedAddresses: ['127.0.0.0/8'],
  })
  return new OldGlance(
    {
      outbound: new UndiciOutbound({ rules }, { ca: null, insecure: false, connectMs: 1000, headMs: 1000 }),
      registers: { read: async (id) => known.get(id) ?? null },
      index: { get: (id) => known.get(id)?.record },
      backends: noBackends().backends,
      hashes: { digest: loopDigest },
      clock: systemClock,
      log: silentLog,
    },
    { url, sizeBytesMax: 1e6, retries: 0 },
  )
}
