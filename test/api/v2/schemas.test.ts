import t from 'tap'
import { IMAGE_STATUSES, VISIBILITIES } from '../../../node/images/image-record.ts'
import { testApi } from '../../helpers/api-server.ts'

interface Schema {
  name: string
  properties: Record<string, Record<string, unknown>>
  additionalProperties: unknown
  links: unknown[]
}

t.test('the image schema says what the API does', async (t) => {
  const { app, images } = testApi(t, { options: { diskFormats: ['raw'], containerFormats: ['bare', 'ova'] } })
  images.shows = { locations: true, directUrl: true }
  const schema = (await app.inject('/v2/schemas/image')).json<Schema>()
  t.equal(schema.name, 'image')
  t.same(schema.additionalProperties, { type: 'string' })
  t.same(schema.properties['disk_format']?.['enum'], [null, 'raw'])
  t.same(schema.properties['container_format']?.['enum'], [null, 'bare', 'ova'])
  t.same(schema.properties['visibility']?.['enum'], VISIBILITIES)
  t.same(schema.properties['status']?.['enum'], IMAGE_STATUSES)
  t.same(schema.links, [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ])

  const created = await app.inject({ method: 'POST', url: '/v2/images', payload: { name: 'x' } })
  const base = Object.entries(schema.properties).filter(([, property]) => property['is_base'] !== false)
  t.same(
    base.map(([name]) => name).sort(),
    // Those that are absent rather than null.
    [...Object.keys(created.json<object>()), 'direct_url', 'stores'].sort(),
    'base fields are those shown',
  )

  const locations = [{ url: 'http://mirror.example/', metadata: {} }]
  const settable: Record<string, unknown> = {
    name: 'x',
    tags: [],
    visibility: 'private',
    min_ram: 1,
    min_disk: 1,
    owner: 'x',
    stores: 'x',
    locations,
  }
  for (const [name, { readOnly }] of base.filter(([name]) => name !== 'id')) {
    const value = settable[name] ?? null
    const payload = JSON.stringify([
      { op: 'replace', path: `/${name}`, value: name === 'protected' || name === 'os_hidden' ? true : value },
    ])
    const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
    const url = `/v2/images/${created.json<{ id: string }>().id}`
    const { statusCode } = await app.inject({ method: 'PATCH', url, headers, payload })
    // As in Glance: there is nothing to replace.
    const refused = name === 'stores' ? 409 : 403
    t.equal(
      statusCode,
      readOnly === true ? refused : 200,
      `${name} is ${readOnly === true ? 'read-only' : 'settable'}`,
    )
  }
})

t.test('collections and members', async (t) => {
  const { app } = testApi(t)
  const get = async (name: string) => (await app.inject(`/v2/schemas/${name}`)).json<Schema>()
  const images = await get('images')
  t.same(Object.keys(images.properties), ['images', 'schema', 'first', 'next'])
  t.same(images.properties['images']?.['items'], await get('image'))
  t.same((await get('members')).properties['members']?.['items'], await get('member'))
  t.equal((await app.inject('/v2/schemas/nothing')).statusCode, 404)
})
