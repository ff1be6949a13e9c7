import t from 'tap'
import { StreamLimit } from '../../api/stream-limit.ts'
import { ImageError } from '../../node/errors.ts'
import { listen, testApi } from '../helpers/api-server.ts'
import { deferred } from '../helpers/deferred.ts'

t.test('one stream too many is refused, whatever became of those before', async (t) => {
  const limit = new StreamLimit(2)
  const [first, second] = [deferred(), deferred()]
  const failing = async () => {
    await second.promise
    throw new Error('the client left')
  }
  const runs = [limit.run(() => first.promise), limit.run(failing)]
  await t.rejects(
    limit.run(() => Promise.resolve()),
    { code: 'UNAVAILABLE' },
  )
  first.resolve()
  await runs[0]
  t.equal(await limit.run(() => Promise.resolve('room again')), 'room again')
  second.resolve()
  await t.rejects(runs[1] as Promise<never>, { message: 'the client left' })
  t.equal(await limit.run(() => Promise.resolve('and again')), 'and again')
})

t.test('uploads and downloads beyond it are told to come back', async (t) => {
  const { app, images } = testApi(t, { components: { streams: new StreamLimit(1) } })
  const [begun, over] = [deferred(), deferred()]
  images.upload = async () => {
    begun.resolve()
    await over.promise
    throw new ImageError('CONFLICT', 'over')
  }
  const port = await listen(app)
  const url = `http://127.0.0.1:${port}/v2/images/11111111-2222-3333-4444-555555555555/file`
  const put = () =>
    fetch(url, { method: 'PUT', body: 'x', headers: { 'content-type': 'application/octet-stream' } })
  const first = put()
  await begun.promise
  const second = await put()
  t.equal(second.status, 503)
  t.equal(second.headers.get('retry-after'), '2')
  over.resolve()
  t.equal((await first).status, 409)
  t.equal((await put()).status, 409, 'there is room again')
})
