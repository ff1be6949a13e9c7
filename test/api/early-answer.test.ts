/** Uploads that are refused before they have come: the client gets to know why, whenever it looks, and is not read for ever. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { LINGER_MS_MAX, LINGER_SILENCE_MS_MAX } from '../../api/early-answer.ts'
import { ImageError } from '../../node/errors.ts'
import { admin, listen, testApi } from '../helpers/api-server.ts'
import { ManualClock } from '../helpers/manual-clock.ts'
import { head, readAll, readUntil, sendTo } from '../helpers/raw-http.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const PIECE = Buffer.alloc(64 * 1024)
/** More than all the buffers on the way hold. */
const PIECES = 512
/** What no test sends to its end. */
const ENDLESS_BYTES = 2 ** 40

interface Refused {
  socket: Socket
  clock: ManualClock
}

/** An upload that announces `sizeBytes`, and is over a quota from its first piece on. */
async function refusedUpload(t: Test, sizeBytes: number): Promise<Refused> {
  const clock = new ManualClock()
  const { app, images } = testApi(t, { components: { clock } })
  await images.create(admin, { id: ID, diskFormat: 'raw', containerFormat: 'bare' })
  images.onPiece = () => {
    throw new ImageError('TOO_LARGE', 'over the quota')
  }
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': sizeBytes }
  const socket = sendTo(await listen(app), head(`PUT /v2/images/${ID}/file`, headers))
  t.teardown(() => socket.destroy())
  return { socket, clock }
}

/** Sends as fast as it is taken, without a look at what comes back. */
async function sendPieces(socket: Socket, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) if (!socket.write(PIECE)) await once(socket, 'drain')
}

t.test('a client that looks for the answer when it has sent everything gets it', async (t) => {
  const { socket, clock } = await refusedUpload(t, PIECES * PIECE.length)
  await sendPieces(socket, PIECES / 2)
  await clock.advance(LINGER_SILENCE_MS_MAX - 1)
  await sendPieces(socket, PIECES / 2)
  const text = await readAll(socket)
  t.match(text, /^HTTP\/1\.1 413 /)
  t.match(text, /connection: close/i)
  t.match(text, /over the quota/)
})

t.test('one that looks at once has it before the rest has come', async (t) => {
  const { socket } = await refusedUpload(t, 2 * PIECE.length)
  socket.write(PIECE)
  t.match(await readUntil(socket, 'over the quota'), /^HTTP\/1\.1 413 /)
  const rest = readAll(socket)
  socket.write(PIECE)
  await rest
  t.pass('and then the connection closed')
})

t.test('one that falls silent is left', async (t) => {
  const { socket, clock } = await refusedUpload(t, ENDLESS_BYTES)
  socket.write(PIECE)
  await readUntil(socket, 'over the quota')
  let isClosed = false
  const closed = readAll(socket).then(() => (isClosed = true))
  await clock.advance(LINGER_SILENCE_MS_MAX - 1)
  t.notOk(isClosed)
  await clock.advance(1)
  await closed
})

t.test('one that goes on for ever is left, too', async (t) => {
  const { socket, clock } = await refusedUpload(t, ENDLESS_BYTES)
  const pump = () => {
    while (socket.writable && socket.write(PIECE)) continue
  }
  socket.on('drain', pump)
  let text = ''
  const closed = readAll(socket).then((all) => (text = all))
  pump()
  const stepMs = LINGER_SILENCE_MS_MAX / 2
  for (let passedMs = 0; passedMs < LINGER_MS_MAX; passedMs += stepMs) {
    t.equal(text, '', `read on after ${passedMs} ms`)
    const before = socket.bytesWritten
    while (socket.bytesWritten < before + PIECES * PIECE.length) await once(socket, 'drain')
    await clock.advance(stepMs)
  }
  await closed
  t.match(text, /over the quota/)
})
