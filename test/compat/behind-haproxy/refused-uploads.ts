/** Uploads that a node refuses at once, by clients that look for an answer when they have sent everything, as OpenStack's do. */
import t from 'tap'
import { head, readAll, sendTo } from '../../helpers/raw-http.ts'
import { controllers } from './controllers.ts'

const CLIENTS = 4
/** Of each client. A node that closed as soon as it had answered left one or two in a hundred without the answer. */
const UPLOADS = 50
const PIECE = Buffer.alloc(64 * 1024)
/** More than all the buffers on the way hold. */
const PIECES = 96

async function refusal(port: number): Promise<string> {
  const length = PIECES * PIECE.length
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Length': length,
    Connection: 'close',
  }
  const path = '/v2/images/11111111-2222-3333-4444-555555555555/file'
  const socket = sendTo(port, head(`PUT ${path}`, headers))
  for (let sent = 0; sent < PIECES && socket.writable; sent++)
    if (!socket.write(PIECE))
      await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve))
  return socket.destroyed ? 'cut' : readAll(socket)
}

t.test('a refused upload gets its answer, whenever HAProxy comes round to it', async (t) => {
  const port = Number(new URL(controllers.haproxy.url).port)
  const answers: string[] = []
  const client = async () => {
    for (let upload = 0; upload < UPLOADS; upload++) answers.push(await refusal(port))
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  t.equal(answers.length, CLIENTS * UPLOADS)
  t.strictSame(
    answers.filter((answer) => !answer.startsWith('HTTP/1.1 401 ')),
    [],
  )
})
