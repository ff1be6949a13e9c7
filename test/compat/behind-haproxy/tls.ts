/** HAProxy that ends TLS: tokens and an image's life go through it, and all links lead back to it. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { fileFacts, ISO } from '../bootable-image.ts'
import { propertyTable } from '../client-table.ts'
import { ANSWER_LIMIT_MS, clientOf, controllers } from './controllers.ts'

const { haproxy, keystone } = controllers
const ca = await readFile(haproxy.caFile)

async function ask(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET', body = '') {
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
  const sent = request(haproxy.tlsUrl + path, { ca, method, headers, signal, agent: false }).end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

t.test('TLS that ends at HAProxy: links, tokens, an image', async (t) => {
  for (const headers of [{}, { 'x-forwarded-host': 'elsewhere.example', 'x-forwarded-proto': 'http' }]) {
    const { status, body } = await ask('/versions', headers)
    const { versions } = JSON.parse(body) as { versions: { links: { href: string }[] }[] }
    const links = versions.flatMap(({ links }) => links.map(({ href }) => href))
    t.equal(status, 200)
    t.strictSame([...new Set(links)], [`${haproxy.tlsUrl}/v2/`], 'whatever a client says of itself')
  }
  const { token } = await keystone.issueToken('demo')
  t.match(await ask('/v2/images'), { status: 401, headers: { 'www-authenticate': /^Keystone uri=/ } })
  t.match(await ask('/v2/images', { 'x-auth-token': 'nonsense' }), { status: 401 })
  const made = await ask('/v2/images', { 'x-auth-token': token, 'content-length': 2 }, 'POST', '{}')
  const { id } = JSON.parse(made.body) as { id: string }
  t.match(made, { status: 201, headers: { location: `${haproxy.tlsUrl}/v2/images/${id}` } })
  t.match(await ask(`/v2/images/${id}`, { 'x-auth-token': token }, 'DELETE'), { status: 204 })

  const options = ['--os-cacert', haproxy.caFile, '--os-image-url', haproxy.tlsUrl]
  const owner = await clientOf(t, 'glance', 'demo', options)
  const form = ['--disk-format', 'iso', '--container-format', 'bare', '--file', ISO]
  const image = propertyTable(await owner.run(['image-create', '--name', 'over TLS', ...form]))
  t.match(image, { status: 'active', os_hash_value: (await fileFacts(ISO)).sha512 })
  const file = join(t.testdir(), 'downloaded')
  await owner.run(['image-download', '--file', file, image['id']!])
  t.strictSame(await fileFacts(file), await fileFacts(ISO))
  await owner.run(['image-delete', image['id']!])
})
