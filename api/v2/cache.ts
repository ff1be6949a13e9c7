/** The image cache of this node (glance-api.md §10.3), and the calls for it that were there before. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { CachedImage, CachePart } from '../../node/images/cache-service-port.ts'
import { ImageError } from '../../node/errors.ts'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendJson, sendNothing } from '../replies.ts'
import { refuseBody } from '../request-body.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

const TARGET_HEADER = 'x-image-cache-clear-target'
/** By what the header says. */
const TARGETS: Readonly<Record<string, readonly CachePart[]>> = {
  '': ['cache', 'queue'],
  cache: ['cache'],
  queue: ['queue'],
}

export function cacheRoutes(app: FastifyInstance, { cache }: ApiComponents): void {
  app.get('/cache', async (request, reply) => {
    refuseBody(request.raw)
    const { cached, queued } = cache.list(callerOf(request))
    return sendJson(reply, 200, { cached_images: cached.map(cachedView), queued_images: queued })
  })

  app.delete('/cache', async (request, reply) => {
    refuseBody(request.raw)
    await cache.clear(callerOf(request), () => partsIn(request))
    return sendNothing(reply)
  })

  app.put<ImageParams>('/cache/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    await cache.queue(callerOf(request), imageIdOf(request))
    return reply.code(202).send()
  })

  app.delete<ImageParams>('/cache/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    await cache.remove(callerOf(request), imageIdOf(request))
    return sendNothing(reply)
  })

  app.post('/cache/clean', async (request, reply) => {
    refuseBody(request.raw)
    cache.clean(callerOf(request))
    return reply.code(200).send()
  })

  app.post('/cache/prune', async (request, reply) => {
    refuseBody(request.raw)
    const { files, bytes } = await cache.prune(callerOf(request))
    return sendJson(reply, 200, { total_files_pruned: files, total_bytes_pruned: bytes })
  })

  app.get<ImageParams>('/cache/nodes/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    return sendJson(reply, 200, await cache.nodesWith(callerOf(request), imageIdOf(request)))
  })

  legacyRoutes(app, cache, 'cache', '/cached_images')
  legacyRoutes(app, cache, 'queue', '/queued_images')
  app.put<ImageParams>('/queued_images/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    await cache.legacyQueue(callerOf(request), imageIdOf(request))
    return sendJson(reply, 200, null)
  })
}

function legacyRoutes(
  app: FastifyInstance,
  cache: ApiComponents['cache'],
  part: CachePart,
  path: string,
): void {
  app.get(path, async (request, reply) => {
    refuseBody(request.raw)
    const { cached, queued } = cache.legacyList(callerOf(request))
    const shown = part === 'cache' ? { cached_images: cached.map(cachedView) } : { queued_images: queued }
    return sendJson(reply, 200, shown)
  })
  app.delete(path, async (request, reply) => {
    refuseBody(request.raw)
    return sendJson(reply, 200, { num_deleted: await cache.legacyClear(callerOf(request), part) })
  })
  app.delete<ImageParams>(`${path}/:imageId`, async (request, reply) => {
    refuseBody(request.raw)
    await cache.legacyRemove(callerOf(request), part, imageIdOf(request))
    return sendJson(reply, 200, null)
  })
}

/** Throws INVALID. */
function partsIn(request: FastifyRequest): readonly CachePart[] {
  const written = request.headers[TARGET_HEADER] ?? ''
  const target = String(written).toLowerCase()
  const parts = Object.hasOwn(TARGETS, target) ? TARGETS[target] : undefined
  if (parts) return parts
  throw new ImageError('INVALID', `If provided '${TARGET_HEADER}' must be 'cache', 'queue' or empty string.`)
}

/** Times are seconds since 1970, with fractions. */
function cachedView({ imageId, hits, sizeBytes, lastAccessedMs, cachedAtMs }: CachedImage) {
  return {
    image_id: imageId,
    hits,
    last_accessed: lastAccessedMs / 1000,
    last_modified: cachedAtMs / 1000,
    size: sizeBytes,
  }
}
