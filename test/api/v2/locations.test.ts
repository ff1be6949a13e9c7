import t from 'tap'
import { JSON_DEPTH_MAX } from '../../../api/request-body.ts'
import { locationChange, parseLocationRequest } from '../../../api/v2/location-body.ts'
import { parseImagePatch, patchDialect } from '../../../api/v2/image-patch.ts'
import { userFieldRules } from '../../../api/v2/image-fields.ts'
import { testApi, testOptions } from '../../helpers/api-server.ts'
import { ownUrl } from '../../../node/images/location-rules.ts'

const INVALID = { code: 'INVALID' }
const location = { url: 'http://mirror.example/', metadata: { zone: 'a' } }
const digest = { os_hash_algo: 'sha512', os_hash_value: 'ab'.repeat(64) }
const validation = { hashAlgo: 'sha512', hashValue: digest.os_hash_value }

t.test('both dialects name locations', async (t) => {
  const rules = userFieldRules(testOptions)
  const parse = (version: string, operation: object) =>
    parseImagePatch(patchDialect(`application/openstack-images-v${version}-json-patch`), [operation], rules)
  const added = [{ kind: 'add-location', at: null, location }]
  t.strictSame(parse('2.1', { op: 'add', path: '/locations/-', value: location }), added)
  t.strictSame(parse('2.0', { add: '/locations/-', value: location }), added)
  t.strictSame(parse('2.0', { remove: '/locations/1' }), [{ kind: 'remove-location', at: 1 }])
  t.strictSame(parse('2.1', { op: 'replace', path: '/locations', value: [location] }), [
    { kind: 'replace-locations', locations: [location] },
  ])
})

t.test('where an operation may point', async (t) => {
  for (const path of [[], ['x'], ['-1'], ['1.5'], ['1', 'url'], ['99999999999']])
    for (const verb of ['add', 'remove'] as const)
      t.throws(() => locationChange(verb, path, location), INVALID)
  t.throws(() => locationChange('replace', ['0'], [location]), INVALID)
  t.throws(() => locationChange('replace', [], location), INVALID)
  t.throws(() => locationChange('replace', [], []), { code: 'FORBIDDEN' })
})

t.test('what a location is', async (t) => {
  const parse = (value: unknown) => locationChange('add', ['-'], value)
  t.match(parse({ ...location, validation_data: { ...digest, checksum: 'c'.repeat(32) } }), {
    location: { validation: { ...validation, checksum: 'c'.repeat(32) } },
  })
  for (const value of [
    null,
    'http://mirror.example/',
    {},
    { url: 'http://mirror.example/' },
    { metadata: {} },
    { ...location, url: '' },
    { ...location, url: 'x'.repeat(256) },
    { ...location, url: 1 },
    { ...location, metadata: [] },
    { ...location, metadata: { text: 'x'.repeat(16_384) } },
    { ...location, metadata: JSON.parse('{"a":{"__proto__":1}}') as unknown },
    { ...location, validation_data: null },
    { ...location, validation_data: {} },
    { ...location, validation_data: { os_hash_algo: 'sha512' } },
    { ...location, validation_data: { ...digest, checksum: 'c' } },
    { ...location, validation_data: { ...digest, os_hash_value: 1 } },
    { ...location, validation_data: { ...digest, more: '' } },
  ])
    t.throws(() => parse(value), INVALID, JSON.stringify({ value }).slice(0, 80))
})

t.test('the body of the location call', async (t) => {
  const { url } = location
  t.strictSame(parseLocationRequest({ url }), { url, validation: null })
  t.strictSame(parseLocationRequest({ url, validation_data: {} }), { url, validation: null })
  t.strictSame(parseLocationRequest({ url, validation_data: digest }), { url, validation })
  for (const body of [
    null,
    [],
    {},
    { url: 1 },
    { url, validation_data: null },
    { url, validation_data: { os_hash_algo: 'sha512' } },
    { url, validation_data: { os_hash_value: digest.os_hash_value } },
    { url, validation_data: { ...digest, checksum: 'c'.repeat(32) } },
  ])
    t.throws(() => parseLocationRequest(body), INVALID)
})

t.test('bodies within bodies have an end', async (t) => {
  const { app } = testApi(t)
  const url = `/v2/images/${(await app.inject({ method: 'POST', url: '/v2/images', body: '{}' })).json<{ id: string }>().id}`
  const patch = async (depth: number) => {
    const nested = `${'['.repeat(depth)}"x"${']'.repeat(depth)}`
    const operation = `{"op":"add","path":"/locations/-","value":{"url":"http://h/","metadata":{"a":${nested}}}}`
    const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
    return app.inject({ method: 'PATCH', url, headers, body: `[${operation}]` })
  }
  t.equal((await patch(JSON_DEPTH_MAX - 4)).statusCode, 200)
  for (const depth of [JSON_DEPTH_MAX - 3, 10_000, 400_000]) t.equal((await patch(depth)).statusCode, 400)
})

t.test('the calls: 202 without a body, and the list', async (t) => {
  const { app, images } = testApi(t)
  const id = (await app.inject({ method: 'POST', url: '/v2/images', body: '{}' })).json<{ id: string }>().id
  const url = `/v2/images/${id}/locations`
  const added = await app.inject({
    method: 'POST',
    url,
    body: JSON.stringify({ url: 'http://mirror.example/' }),
  })
  t.match(added, { statusCode: 202, body: '' })
  t.strictSame(images.locationRequests, [{ url: 'http://mirror.example/', validation: null }])
  t.equal((await app.inject({ method: 'POST', url, body: 'nonsense' })).statusCode, 400)
  const stored = images.images.get(id)!
  stored.record = { ...stored.record, locations: [location] }
  t.strictSame((await app.inject(`/v2.17/images/${id}/locations`)).json(), [location])
  t.match(await app.inject({ method: 'DELETE', url }), { statusCode: 405, headers: { allow: 'GET, POST' } })
})

t.test('an image shows them when they are shown, in lists as well', async (t) => {
  const { app, images } = testApi(t)
  const id = (await app.inject({ method: 'POST', url: '/v2/images', body: '{}' })).json<{ id: string }>().id
  const shown = async () => (await app.inject(`/v2/images/${id}`)).json<Record<string, unknown>>()
  t.notOk('locations' in (await shown()) || 'direct_url' in (await shown()))
  images.shows = { locations: true, directUrl: true }
  t.strictSame((await shown())['locations'], [])
  t.notOk('direct_url' in (await shown()))
  const stored = images.images.get(id)!
  stored.record = { ...stored.record, locations: [{ url: ownUrl(id), metadata: {} }, location] }
  t.match(await shown(), { id, locations: stored.record.locations, direct_url: ownUrl(id), tags: [] })
  t.match((await app.inject('/v2/images')).json(), { images: [{ direct_url: ownUrl(id) }] })
  images.shows = { locations: false, directUrl: true }
  t.notOk('locations' in (await shown()), 'what was kept of the text has nothing of it')
  t.match(await shown(), { direct_url: ownUrl(id) })
})
