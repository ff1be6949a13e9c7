import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { testApi } from '../helpers/api-server.ts'

t.test('/healthcheck and /ready follow the disable file', async (t) => {
  const disableFile = join(t.testdir(), 'healthcheck_disable')
  const { app } = testApi(t, { options: { disableFile } })

  const healthy = await app.inject('/healthcheck')
  t.match(healthy, { statusCode: 200, body: 'OK', headers: { 'content-type': 'text/plain; charset=UTF-8' } })
  t.match(await app.inject({ method: 'HEAD', url: '/healthcheck' }), { statusCode: 204, body: '' })
  t.match(await app.inject({ method: 'OPTIONS', url: '/healthcheck' }), { statusCode: 200, body: 'OK' })

  await writeFile(disableFile, '')
  const drained = await app.inject('/healthcheck')
  t.match(drained, { statusCode: 503, body: 'DISABLED BY FILE', headers: { 'retry-after': /\d/ } })
  t.match(await app.inject({ method: 'HEAD', url: '/healthcheck' }), { statusCode: 503, body: '' })
  for (const url of ['/ready', '/ready/read'])
    t.match(await app.inject(url), { statusCode: 503, body: 'DISABLED BY FILE' })
  t.equal((await app.inject('/v2/images')).statusCode, 200, 'the API itself goes on')

  await rm(disableFile)
  t.equal((await app.inject('/healthcheck')).statusCode, 200)
})

t.test('a node that is away for a reason of its own says which', async (t) => {
  const { app } = testApi(t, { components: { whyAway: () => 'DRAINED BY AN OPERATOR' } })
  for (const url of ['/healthcheck', '/ready', '/ready/read'])
    t.match(await app.inject(url), { statusCode: 503, body: 'DRAINED BY AN OPERATOR' })
  t.equal((await app.inject('/v2/images')).statusCode, 200, 'the API itself goes on')
})

t.test('/healthcheck by Accept', async (t) => {
  const { app } = testApi(t)
  const get = (accept: string) => app.inject({ url: '/healthcheck', headers: { accept } })
  t.same((await get('application/json')).json(), { detailed: false, reasons: ['OK'] })
  t.match(await get('text/html'), { body: /<li>OK<\/li>/, headers: { 'content-type': /^text\/html/ } })
  t.equal((await get('*/*')).body, 'OK')
  t.match(await get('image/png'), { body: 'OK', headers: { 'content-type': /^text\/plain/ } })
})

t.test('/ready tells write from read', async (t) => {
  const { app, readiness } = testApi(t)
  t.equal((await app.inject('/ready')).statusCode, 200)
  readiness.write = false
  t.match(await app.inject('/ready'), {
    statusCode: 503,
    body: 'no quorum',
    headers: { 'retry-after': /\d/ },
  })
  t.equal((await app.inject('/ready/read')).statusCode, 200)
  readiness.read = false
  t.equal((await app.inject('/ready/read')).statusCode, 503)
  t.match(await app.inject({ method: 'HEAD', url: '/ready/read' }), { statusCode: 503, body: '' })
})
