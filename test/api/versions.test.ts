import t from 'tap'
import { TrustedHeaders } from '../../api/auth/trusted-headers.ts'
import { minorVersions } from '../../api/versions.ts'
import { type TestApi, testApi } from '../helpers/api-server.ts'

const MINOR_VERSIONS = minorVersions({ tellsUsage: false, hasCache: false })

interface Versions {
  versions: { id: string; status: string; links: { rel: string; href: string }[] }[]
}

t.test('the document, its status by path, without identity', async (t) => {
  const { app } = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  const cases: [string, number][] = [
    ['/', 300],
    ['/versions', 200],
    ['/versions/x', 200],
    ['/v3/images', 300],
    ['/v1/images', 300],
    ['/v2.99/images', 300],
    ['/v2.14/images', 300],
    ['/nothing', 300],
  ]
  for (const [url, status] of cases) {
    const answer = await app.inject({ url, headers: { host: 'image.example:9292' } })
    t.equal(answer.statusCode, status, url)
    t.equal(answer.headers['content-type'], 'application/json')
    const { versions } = answer.json<Versions>()
    t.same(
      versions.map(({ id }) => id),
      MINOR_VERSIONS,
    )
    t.same(
      versions.map(({ status: state }) => state),
      ['CURRENT', ...Array<string>(MINOR_VERSIONS.length - 1).fill('SUPPORTED')],
    )
    t.same(versions[0]?.links, [{ rel: 'self', href: 'http://image.example:9292/v2/' }])
  }
})

t.test('listed minor versions are prefixes of the same API', async (t) => {
  const { app } = testApi(t)
  for (const version of [...MINOR_VERSIONS, 'v2']) {
    t.equal((await app.inject(`/${version}/images?limit=3`)).statusCode, 200, version)
    t.equal((await app.inject(`/${version}`)).statusCode, 404, `${version} alone`)
    t.equal((await app.inject(`/${version}/`)).statusCode, 404, `${version}/`)
  }
})

t.test('the media type chooses the version of a path without one', async (t) => {
  const { app } = testApi(t)
  const status = async (url: string, accept: string) =>
    (await app.inject({ url, headers: { accept } })).statusCode
  t.equal(await status('/images', 'application/vnd.openstack.images-v2'), 200)
  t.equal(await status('/images', 'application/vnd.openstack.images-v2.7'), 200)
  t.equal(await status('/v2/images', 'application/vnd.openstack.images-v2'), 200)
  t.equal(await status('/images', 'application/vnd.openstack.images-v2.99'), 300)
  t.equal(await status('/healthcheck', 'application/vnd.openstack.images-v2'), 200)
  t.equal(await status('/', 'application/vnd.openstack.images-v2'), 300)
})

t.test('links take the public endpoint, and no junk from Host', async (t) => {
  const behindProxy = testApi(t, { options: { publicEndpoint: 'https://cloud.example/image/' } })
  const links = (body: Versions) => body.versions[0]?.links[0]?.href
  t.equal(links((await behindProxy.app.inject('/')).json()), 'https://cloud.example/image/v2/')
  const { app } = testApi(t)
  for (const host of ['evil/"x', 'a b', 'x\u0080', '']) {
    t.notMatch(links((await app.inject({ url: '/', headers: { host } })).json()), /evil|a b|\u0080/)
  }
  t.equal(
    links((await app.inject({ url: '/', headers: { host: '[::1]:9292' } })).json()),
    'http://[::1]:9292/v2/',
  )
})

t.test('links follow a proxy that is believed, and no other', async (t) => {
  const href = async (app: TestApi['app'], headers: Record<string, string>, url = '/') => {
    const answer = await app.inject({ url, headers: { host: 'own:9292', ...headers } })
    return answer.json<Versions>().versions[0]?.links[0]?.href
  }
  const older = {
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'cloud.example, inner',
    'x-forwarded-prefix': '/image/',
  }
  const { app } = testApi(t)
  t.equal(await href(app, { ...older, forwarded: 'proto=https;host=evil' }), 'http://own:9292/v2/')

  const believing = testApi(t, { options: { believeProxies: true } }).app
  t.equal(await href(believing, {}), 'http://own:9292/v2/')
  t.equal(await href(believing, older), 'https://cloud.example/image/v2/')
  const standard = 'for=192.0.2.1; Proto=https ;host="cloud.example:8443", for=10.0.0.1;host=inner'
  t.equal(await href(believing, { ...older, forwarded: standard }), 'https://cloud.example:8443/image/v2/')
  t.equal(await href(believing, { forwarded: '' }), 'http://own:9292/v2/')
  for (const junk of ['javascript', 'https://x', 'a b', '"', '/../x y', '=;=', '//'])
    t.equal(
      await href(believing, {
        'x-forwarded-proto': junk,
        'x-forwarded-host': `${junk}/`,
        'x-forwarded-prefix': `${junk} `,
      }).then((link) => link?.replace(/javascript/, '')),
      'http://own:9292/v2/',
      junk,
    )

  const below = testApi(t, { options: { pathPrefix: '/image', believeProxies: true } }).app
  t.equal(await href(below, {}, '/image'), 'http://own:9292/image/v2/')
  t.equal(
    await href(below, { 'x-forwarded-prefix': '/cloud' }, '/image/versions'),
    'http://own:9292/cloud/image/v2/',
  )
  t.equal(await href(below, {}), 'http://own:9292/v2/')
  t.equal((await below.inject('/image/v2.7/images?limit=1')).statusCode, 200)
  t.equal((await below.inject('/image/healthcheck')).statusCode, 200)
  t.equal((await below.inject('/images/v2/images')).statusCode, 300)
})

t.test('401 below /v2 without identity, whatever the path', async (t) => {
  const { app } = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  for (const url of ['/v2', '/v2/', '/v2/images', '/v2/nothing']) {
    t.equal((await app.inject(url)).statusCode, 401, url)
  }
})

t.test('where projects have limits, their usage is told and 2.13 is listed', async (t) => {
  const { app } = testApi(t, { options: { tellsUsage: true } })
  const { versions } = (await app.inject('/versions')).json<Versions>()
  t.match(versions, [
    { id: 'v2.17', status: 'CURRENT' },
    { id: 'v2.15', status: 'SUPPORTED' },
    { id: 'v2.13', status: 'SUPPORTED' },
    { id: 'v2.12', status: 'SUPPORTED' },
  ])
  const answer = await app.inject('/v2.13/info/usage')
  t.equal(answer.statusCode, 200)
  t.strictSame(answer.json(), { usage: { image_count_total: { usage: 0, limit: 7 } } })
})
