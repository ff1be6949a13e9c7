/**
 * Everything below /v1: the API of Glance before 2018, over the same images. Its registry, which Glance kept behind the API
 * and showed to nobody, is not offered: the registers of the cluster are in its place.
 */
import type { FastifyPluginCallback } from 'fastify'
import { hasCode } from '../../cluster/errors.ts'
import type { V1ImagesPort } from '../../node/images/v1-images-port.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { HttpError } from '../errors.ts'
import { fallThroughTo } from '../fall-through.ts'
import { identifyCallers } from '../identify-callers.ts'
import { noRouteError } from '../no-route.ts'
import { v1DataRoutes } from './image-data.ts'
import { v1ImageRoutes } from './images.ts'
import { v1MemberRoutes } from './members.ts'
import { oldImagesV1 } from './old-images.ts'

/** In the order in which Glance names them in Allow. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const

/** Register it with the prefix `/v1`. */
export function v1Routes(
  v1: V1ImagesPort,
  components: ApiComponents,
  options: ApiOptions,
): FastifyPluginCallback {
  return (app, _pluginOptions, done) => {
    identifyCallers(app, components, options)
    const { oldGlance } = components
    if (oldGlance) fallThroughTo(oldGlance, app, oldImagesV1(oldGlance, components, options))
    v1ImageRoutes(app, v1, components, options)
    v1DataRoutes(app, v1, components, options)
    v1MemberRoutes(app, v1, components)
    app.setNotFoundHandler((request) => {
      throw noRouteError(app, request, METHODS)
    })
    app.setErrorHandler((error) => {
      throw inV1Words(error)
    })
    done()
  }
}

/** An image that is deleted under its upload fails a precondition; v2 says that it is gone. */
function inV1Words(error: unknown): unknown {
  return hasCode(error, 'GONE') ? new HttpError('PRECONDITION_FAILED', error.message) : error
}
