import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Server, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { ServerCertificate } from '../../api/server-certificate.ts'
import { createIdentity } from '../../cluster/network/identity.ts'
import { systemRandom } from '../../cluster/runtime.ts'
import { createBulkCredentials } from '../../cluster/transfer/bulk-certificate.ts'
import { listen, type LogEntry, recordingLog, testApi } from '../helpers/api-server.ts'
import { ManualClock } from '../helpers/manual-clock.ts'

const LOOK_EVERY_MS = 10_000

interface Pair {
  cert: string
  key: string
}

/** A certificate that vouches for itself. */
function newPair(): Pair {
  return createBulkCredentials(createIdentity(systemRandom))
}

function filesIn(t: Test, { cert, key }: Pair) {
  const directory = t.testdir({ 'cert.pem': cert, 'key.pem': key })
  return { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') }
}

/** The status of GET /versions over a new connection, its links, and the certificate that was shown. */
async function ask(port: number) {
  const request = get({ port, host: '127.0.0.1', path: '/versions', rejectUnauthorized: false, agent: false })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const cert = (answer.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256
  let body = ''
  for await (const chunk of answer) body += String(chunk)
  return { status: answer.statusCode, body, cert }
}

/** Reading two files needs turns of the real event loop. */
async function look(clock: ManualClock): Promise<void> {
  await clock.advance(LOOK_EVERY_MS)
  while (clock.pending === 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

t.test('the API speaks TLS, and changes its certificate while it runs', async (t) => {
  const files = filesIn(t, newPair())
  const certificate = await ServerCertificate.load(files)
  const { app } = testApi(t, { options: { tls: certificate.pair } })
  const port = await listen(app)
  const clock = new ManualClock()
  const entries: LogEntry[] = []
  t.ok(app.server instanceof Server)
  if (!(app.server instanceof Server)) return
  const followed = certificate.follow(app.server, { clock, log: recordingLog(entries) })

  const first = await ask(port)
  t.match(first, { status: 200, body: `https://127.0.0.1:${port}/v2/` })
  await look(clock)
  t.equal((await ask(port)).cert, first.cert)

  const next = newPair()
  await writeFile(files.certFile, next.cert)
  await look(clock)
  await look(clock)
  t.equal((await ask(port)).cert, first.cert, 'half of a change is none')
  await writeFile(files.keyFile, next.key)
  await followed.look()
  const second = await ask(port)
  t.match(second, { status: 200, cert: /:/ })
  t.not(second.cert, first.cert)

  await rm(files.certFile)
  await look(clock)
  t.equal((await ask(port)).cert, second.cert)
  t.strictSame(
    entries.map(({ level, message }) => [level, message]),
    [
      ['warn', 'the API keeps its old certificate'],
      ['info', 'the certificate of the API was changed'],
      ['warn', 'the API keeps its old certificate'],
    ],
    'each trouble is told once',
  )
  followed.unfollow()
  t.equal(clock.pending, 0)
})

t.test('who speaks no TLS is cut, and the server goes on', async (t) => {
  const { app } = testApi(t, { options: { tls: newPair() } })
  const port = await listen(app)
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write('GET /versions HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
  t.equal((await ask(port)).status, 200)
})

t.test('files that do not belong together are refused at the start', async (t) => {
  const files = filesIn(t, { cert: newPair().cert, key: newPair().key })
  await t.rejects(ServerCertificate.load(files), { message: /cert_file .* are no certificate and its key/ })
  await t.rejects(ServerCertificate.load({ ...files, keyFile: '/nowhere' }), { code: 'ENOENT' })
})
