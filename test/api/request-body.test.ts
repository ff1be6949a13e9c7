/** A body whose bytes are there faster than they are taken. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import { uploadBody } from '../../api/request-body.ts'
import { systemClock } from '../../cluster/runtime.ts'

const PIECES = 40
const PIECE_BYTES = 64 * 1024
const PIECE_MS = 1
const PAUSE_MS = 10_000
/** A third of what follows from the times: a busy machine takes some pieces together. */
const TURNS_MIN = (2 * PIECES * PIECE_MS) / 12

/** A request that always has its next piece at hand, as one over a fast network does. */
function fastRequest(pieces: number): IncomingMessage {
  let left = pieces
  const request = new Readable({
    read() {
      this.push(left-- > 0 ? Buffer.alloc(PIECE_BYTES) : null)
    },
  })
  return Object.assign(request, { headers: {} }) as unknown as IncomingMessage
}

function work(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs);
}

t.test('uploads that come fast let others have their turn, and come whole', async (t) => {
  let turns = 0
  let isOver = false
  const countTurn = () => {
    turns++
    if (!isOver) setImmediate(countTurn)
  }
  setImmediate(countTurn)
  const receive = async () => {
    let bytes = 0
    const body = uploadBody(fastRequest(PIECES), {} as ServerResponse, systemClock, PAUSE_MS)
    for await (const piece of body) {
      work(PIECE_MS)
      bytes += piece.length
    }
    return bytes
  }
  const received = await Promise.all([receive(), receive()])
  isOver = true
  t.same(received, [PIECES * PIECE_BYTES, PIECES * PIECE_BYTES])
  t.ok(turns >= TURNS_MIN, `${turns} turns of the event loop meanwhile`)
})
