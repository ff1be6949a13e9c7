import { Agent, get, request } from 'node:http'
import { once } from 'node:events'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { GracefulStop } from '../../../node/composition/graceful-stop.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

/** A server whose one route answers when the test says so. */
async function serverOf(t: Test) {
  const answer = deferred()
  const asked = deferred()
  const app = fastify()
  app.get('/', () => {
    asked.resolve()
    return answer.promise.then(() => 'all of it')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => {
    app.server.closeAllConnections()
    return app.close()
  })
  return { app, answer, asked, url: app.listeningOrigin }
}

t.test('it says so, and serves on for the delay', async (t) => {
  const clock = new ManualClock()
  const graceful = new GracefulStop({ clock, log: silentLog }, { delayMs: 5000, limitMs: 1 })
  t.notOk(graceful.isStopping)
  let isOver = false
  const announced = graceful.announce().then(() => (isOver = true))
  t.ok(graceful.isStopping)
  await clock.advance(4999)
  t.notOk(isOver)
  await clock.advance(1)
  await announced
})

t.test('what is under way comes to its end, and a connection that is kept holds up nothing', async (t) => {
  const { app, answer, asked, url } = await serverOf(t)
  const graceful = new GracefulStop({ clock: systemClock, log: silentLog }, { delayMs: 0, limitMs: 600_000 })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const answered = once(get(url, { agent }), 'response')
  await asked.promise
  let isClosed = false
  const closed = graceful.close(app).then(() => (isClosed = true))
  await once(request(`${url}/again`).end(), 'error')
  t.notOk(isClosed, 'no new connections, and the old one goes on')
  answer.resolve()
  const [response] = (await answered) as [AsyncIterable<Buffer>]
  let body = ''
  for await (const piece of response) body += String(piece)
  t.equal(body, 'all of it')
  await closed
})

t.test('at the limit transfers are ended, and what does not end is cut', async (t) => {
  const { app, asked, url } = await serverOf(t)
  const clock = new ManualClock()
  const graceful = new GracefulStop({ clock, log: silentLog }, { delayMs: 0, limitMs: 1000 })
  const asking = get(url)
  const cut = once(asking, 'error')
  await asked.promise
  let ended = 0
  const closed = graceful.close(app, async () => void ended++)
  await clock.advance(999)
  t.equal(ended, 0)
  await clock.advance(1)
  t.equal(ended, 1)
  await clock.advance(1000)
  t.match(await cut, [{ code: 'ECONNRESET' }])
  await closed
})
