import t from 'tap'
import { testApi } from '../helpers/api-server.ts'

t.test('smoke', async (t) => {
  const { app } = testApi(t)
  for (const [method, url, headers, payload] of [
    ['GET', '/', {}],
    ['GET', '/versions', {}],
    ['GET', '/v3/x', {}],
    ['GET', '/v2', {}],
    ['GET', '/v2/', {}],
    ['GET', '/v2.99/images', {}],
    ['GET', '/v2.7/images', {}],
    ['HEAD', '/v2/images', {}],
    ['PROPFIND', '/v2/images', {}],
    ['GET', '/v2/images/', {}],
    ['POST', '/v2/images/', {}],
    ['GET', '/v2/nothing', { accept: 'application/json' }],
    ['GET', '/v2/%zz', { accept: '*/*' }],
    ['POST', '/v2/images', { 'content-type': 'foo' }, '{"name":"x","foo":"bar"}'],
    ['GET', '/v2/images?tag=a&tag=b&limit=0', {}],
    ['GET', '/healthcheck', {}],
    ['GET', '/ready', {}],
    ['GET', '/v2/schemas/image', {}],
  ] as [string, string, Record<string, string>, string?][]) {
    const r = await app.inject({ method: method as 'GET', url, headers, ...(payload ? { payload } : {}) })
    console.log(method, url, r.statusCode, JSON.stringify(r.headers), r.body.slice(0, 300))
  }
})
