import { createHash } from 'node:crypto'
import t from 'tap'
import { systemClock } from '../../../cluster/runtime.ts'
import { OutsideBytes, type OutsideImage } from '../../../node/data/outside-bytes.ts'
import {
  OutboundError,
  type OutboundAnswer,
  type OutboundRequest,
} from '../../../node/outbound/outbound-http.ts'
import { recordingLog, type LogEntry } from '../../helpers/api-server.ts'
import { loopDigest } from '../../helpers/loop-digest.ts'
import { memoryBackends } from '../../helpers/memory-backends.ts'

/** The pauses between tries keep no process alive. */
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

const BYTES = Buffer.from('0123456789abcdefghij')
const SHA512 = createHash('sha512').update(BYTES).digest('hex')
const URL = 'https://user:secret@mirror.example/image?signature=secret'

/** Answers that nobody has closed. */
let stillOpen = 0

/** One answer of a server; `cutAt`: of what was asked for, so much is sent before it breaks off. */
interface Turn {
  status?: number
  lengthBytes?: number | null
  bytes?: Buffer
  ignoresRanges?: boolean
  contentRange?: string
  cutAt?: number
  error?: OutboundError
}

function outsideOf(turns: Turn[], { retries = 1, sizeBytesMax = 1000 } = {}) {
  const requests: OutboundRequest[] = []
  const entries: LogEntry[] = []
  const send = async (request: OutboundRequest): Promise<OutboundAnswer> => {
    requests.push(request)
    const turn = turns[Math.min(requests.length, turns.length) - 1] ?? {}
    if (turn.error) throw turn.error
    stillOpen++
    return answerOf(turn, request, () => stillOpen--)
  }
  const { each, backends } = memoryBackends('fast')
  const hashes = { digest: loopDigest }
  const components = { outbound: { send }, backends, hashes, clock: systemClock, log: recordingLog(entries) }
  const outside = new OutsideBytes(components, { retries, sizeBytesMax })
  return { outside, requests, entries, fast: each.get('fast')! }
}

function answerOf(turn: Turn, { range }: OutboundRequest, onClose: () => void): OutboundAnswer {
  const { bytes = BYTES, ignoresRanges = false, contentRange, cutAt } = turn
  const isPart = range !== undefined && !ignoresRanges
  const sent = isPart ? bytes.subarray(range.start, range.end + 1) : bytes
  const described = contentRange ?? `bytes ${range?.start}-${range?.end}/${bytes.length}`
  return {
    status: turn.status ?? (isPart ? 206 : 200),
    headers: isPart ? { 'content-range': described } : {},
    lengthBytes: turn.lengthBytes === undefined ? sent.length : turn.lengthBytes,
    close: async () => onClose(),
    body: (async function* () {
      for (let at = 0; at < sent.length; at += 3) {
        if (cutAt !== undefined && at >= cutAt) throw new OutboundError('OUTBOUND_FAILED', 'it breaks off')
        yield sent.subarray(at, at + 3)
      }
    })(),
  }
}

const image = (fields: Partial<OutsideImage> = {}): OutsideImage => ({
  imageId: 'id',
  places: [{ url: URL, store: null }],
  sizeBytes: BYTES.length,
  multihash: { algorithm: 'sha512', hex: SHA512 },
  md5: null,
  ...fields,
})

async function read(
  outside: OutsideBytes,
  source: OutsideImage,
  start = 0,
  end = BYTES.length - 1,
): Promise<string> {
  let text = ''
  for await (const { bytes } of outside.open(source).read(start, end, new AbortController().signal))
    text += Buffer.from(bytes).toString()
  return text
}

t.test('how much there is: by HEAD, else by GET, else not at all', async (t) => {
  t.equal(await outsideOf([{}]).outside.sizeOf(URL), BYTES.length)
  for (const head of [{ status: 403 }, { status: 405 }, { lengthBytes: null }]) {
    const { outside, requests } = outsideOf([head, {}])
    t.equal(await outside.sizeOf(URL), BYTES.length)
    t.strictSame(
      requests.map(({ method }) => method),
      ['HEAD', 'GET'],
    )
  }
  for (const turn of [{ status: 404 }, { lengthBytes: 0 }, { lengthBytes: null }])
    await t.rejects(outsideOf([turn]).outside.sizeOf(URL), { code: 'INVALID' })
  await t.rejects(outsideOf([{}], { sizeBytesMax: 19 }).outside.sizeOf(URL), { code: 'TOO_LARGE' })
  const error = new OutboundError('OUTBOUND_REFUSED', 'Nothing is fetched from there.')
  await t.rejects(outsideOf([{ error }]).outside.sizeOf(URL), {
    code: 'INVALID',
    message: /Nothing is fetched/,
  })
})

t.test('a read that breaks off goes on where it stopped, at the next URL', async (t) => {
  const { outside, requests } = outsideOf([{ cutAt: 6 }, { cutAt: 3 }, {}], { retries: 1 })
  const urls = [URL, 'http://other.example/']
  const places = urls.map((url) => ({ url, store: null }))
  t.equal(await read(outside, image({ places })), BYTES.toString())
  t.match(requests, [
    { url: urls[0] },
    { url: urls[1], range: { start: 6, end: 19 } },
    { url: urls[0], range: { start: 9, end: 19 } },
  ])
})

t.test('servers that know no ranges are read from their beginning', async (t) => {
  const { outside } = outsideOf([{ ignoresRanges: true }])
  t.equal(await read(outside, image(), 4, 7), '4567')
  t.equal(await read(outsideOf([{}]).outside, image(), 4, 7), '4567')
  t.equal(await read(outsideOf([{ cutAt: 12 }, { ignoresRanges: true }]).outside, image()), BYTES.toString())
})

t.test('other bytes are no bytes', async (t) => {
  const other = Buffer.from('0123456789abcdefghiX')
  for (const turn of [
    { status: 500 },
    { bytes: BYTES.subarray(1) },
    { bytes: Buffer.concat([BYTES, BYTES]) },
    { bytes: BYTES.subarray(1), lengthBytes: null },
  ])
    await t.rejects(read(outsideOf([turn]).outside, image()), { code: 'UNAVAILABLE' })
  for (const contentRange of ['bytes 0-3/20', 'bytes 4-7/21', 'nonsense'])
    await t.rejects(read(outsideOf([{ contentRange }]).outside, image(), 4, 7), { code: 'UNAVAILABLE' })
  for (const digests of [
    {},
    { multihash: { algorithm: 'sha256' as const, hex: createHash('sha256').update(BYTES).digest('hex') } },
    { multihash: null, md5: createHash('md5').update(BYTES).digest('hex') },
  ]) {
    const { outside, entries } = outsideOf([{ bytes: other }])
    let received = 0
    const reading = (async () => {
      const whole = outside.open(image(digests)).read(0, 19, new AbortController().signal)
      for await (const { bytes } of whole) received += bytes.length
    })()
    await t.rejects(reading, { code: 'UNAVAILABLE', message: /other bytes/ })
    t.ok(received < BYTES.length, 'never as many as a whole image has')
    t.match(entries.at(-1), { level: 'error' })
  }
})

t.test('no log and no message has what makes a URL work', async (t) => {
  const { outside, entries } = outsideOf([{ status: 403 }], { retries: 1 })
  const messages = [
    await read(outside, image()).catch(String),
    await outside.sizeOf(URL).catch(String),
    JSON.stringify(entries),
  ]
  t.match(messages[2], /mirror\.example/)
  t.notMatch(messages.join(), /secret/)
})

t.test('whoever stops reading ends it', async (t) => {
  const { outside } = outsideOf([{}])
  for await (const { bytes } of outside.open(image()).read(0, 19, new AbortController().signal)) {
    t.equal(bytes.length, 3)
    break
  }
  const stop = new AbortController()
  const failing = outsideOf([{ error: new OutboundError('OUTBOUND_FAILED', 'away') }], { retries: 50 })
  const reading = failing.outside.open(image()).read(0, 19, stop.signal)
  setTimeout(() => stop.abort(new Error('gone')), 50)
  await t.rejects(
    (async () => {
      for await (const _ of reading) t.fail()
    })(),
    /gone/,
  )
})

t.test('every answer was closed', async (t) => {
  t.equal(stillOpen, 0)
})

t.test('what a back end does not deliver comes from the next place', async (t) => {
  const { outside, requests, fast } = outsideOf([{}], { retries: 0 })
  const places = [
    { url: 'memory://fast/a', store: 'fast' },
    { url: URL, store: null },
  ]
  fast.objects.set('a', BYTES)
  t.equal(await read(outside, image({ places })), BYTES.toString())
  t.equal(requests.length, 0)
  fast.fail()
  fast.takesBytes = 7
  t.equal(await read(outside, image({ places })), BYTES.toString())
  t.match(requests, [{ url: URL, range: { start: 8, end: 19 } }])
  await t.rejects(read(outside, image({ places: places.slice(0, 1) })), { code: 'UNAVAILABLE' })
  fast.failure = null
  fast.objects.set('a', BYTES.subarray(0, 9))
  await t.rejects(read(outside, image({ places: places.slice(0, 1) })), { code: 'UNAVAILABLE' }, 'too short')
  fast.objects.set('a', Buffer.alloc(20, 'x'))
  await t.rejects(
    read(outside, image({ places: places.slice(0, 1) })),
    { code: 'UNAVAILABLE' },
    'other bytes',
  )
})
