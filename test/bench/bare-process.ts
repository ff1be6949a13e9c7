/** The process of `BareServer`: argument 1 is its directory; tells its port to its parent. */
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import { Level } from 'level'
import { imageText } from '../../api/views/image-v2.ts'
import { seededId, seededImage } from './seeded-image.ts'

export const BARE_IMAGES = 1000
const PAGE = 100

async function serve(directory: string): Promise<void> {
  const level = new Level<string, Buffer>(directory, { valueEncoding: 'buffer' })
  await level.open()
  for (let number = 0; number < BARE_IMAGES; number++)
    await level.put(seededId(number), Buffer.from(imageText(seededImage(number), ['cluster'])))
  const page = Array.from({ length: PAGE }, (_, number) => seededId(number))
  const app = fastify()
  app.get<{ Params: { id: string } }>('/:id', async ({ params }, reply) =>
    reply.header('content-type', 'application/json').send(level.getSync(params.id)),
  )
  app.get('/', async (_, reply) => {
    const images = page.map((id) => JSON.parse(String(level.getSync(id))) as unknown)
    return reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify({ images })))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  process.send?.((app.server.address() as AddressInfo).port)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2] as string)
