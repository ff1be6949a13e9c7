/** Everything below /v2: who asks, which routes there are, and what to say where there is none. */
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { refuseLongRequestId } from '../context.ts'
import { HttpError } from '../errors.ts'
import { actionRoutes } from './actions.ts'
import { imageDataRoutes } from './image-data.ts'
import { imageRoutes } from './images.ts'
import { locationRoutes } from './locations.ts'
import { memberRoutes } from './members.ts'
import { schemaRoutes } from './schemas.ts'
import { tagRoutes } from './tags.ts'
import { usageRoutes } from './usage.ts'

/** In the order in which Glance names them in Allow. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Register it with the prefix `/v2`. */
export function v2Routes(components: ApiComponents, options: ApiOptions): FastifyPluginCallback {
  return (app, _pluginOptions, done) => {
    // Before routing is heeded: without identity even an unknown path is a 401.
    app.addHook('onRequest', async (request) => {
      refuseLongRequestId(request, options.maxRequestIdLength)
      const { authenticator, policy } = components
      request.caller = policy.known(await authenticator.authenticate(request.headers, request.id))
    })
    imageRoutes(app, components, options)
    imageDataRoutes(app, components, options)
    locationRoutes(app, components)
    memberRoutes(app, components)
    tagRoutes(app, components)
    actionRoutes(app, components)
    schemaRoutes(app, options)
    usageRoutes(app, components)
    app.setNotFoundHandler((request) => {
      throw noRouteError(app, request)
    })
    done()
  }
}

/** 405 where another method would do (HEAD and OPTIONS are no methods of v2), else 404. */
function noRouteError(app: FastifyInstance, request: FastifyRequest): Error {
  const [path = ''] = request.url.split('?')
  const allowed = METHODS.filter((method) => isRoute(app.findRoute({ method, url: path })))
  // The router lets a parameter be empty, but `/images/` names no image.
  if (allowed.length === 0 || path.endsWith('/'))
    return new ImageError('NOT_FOUND', 'There is nothing at this path.')
  const message = `The method ${request.method} is not allowed for this resource.`
  return new HttpError('METHOD_NOT_ALLOWED', message, { allow: allowed.join(', ') })
}

/** fastify's types leave out the null for "no such route". */
function isRoute(route: object | null): boolean {
  return route !== null
}
