/** Everything below /v2: who asks, which routes there are, and what to say where there is none. */
import type { FastifyPluginCallback } from 'fastify'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { fallThroughTo } from '../fall-through.ts'
import { identifyCallers } from '../identify-callers.ts'
import { noRouteError } from '../no-route.ts'
import { actionRoutes } from './actions.ts'
import { cacheRoutes } from './cache.ts'
import { imageDataRoutes } from './image-data.ts'
import { imageRoutes } from './images.ts'
import { importRoutes } from './imports.ts'
import { locationRoutes } from './locations.ts'
import { memberRoutes } from './members.ts'
import { metadefRoutes } from './metadefs/metadef-routes.ts'
import { oldImagesV2 } from './old-images.ts'
import { schemaRoutes } from './schemas.ts'
import { storeRoutes } from './stores.ts'
import { tagRoutes } from './tags.ts'
import { taskRoutes } from './tasks.ts'
import { usageRoutes } from './usage.ts'

/** In the order in which Glance names them in Allow; HEAD and OPTIONS are no methods of v2. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Register it with the prefix `/v2`. */
export function v2Routes(components: ApiComponents, options: ApiOptions): FastifyPluginCallback {
  return (app, _pluginOptions, done) => {
    identifyCallers(app, components, options)
    const { oldGlance } = components
    if (oldGlance) fallThroughTo(oldGlance, app, oldImagesV2(oldGlance, components, options))
    imageRoutes(app, components, options)
    imageDataRoutes(app, components, options)
    locationRoutes(app, components)
    importRoutes(app, components)
    storeRoutes(app, components)
    taskRoutes(app, components, options)
    memberRoutes(app, components)
    tagRoutes(app, components)
    actionRoutes(app, components)
    schemaRoutes(app, options)
    cacheRoutes(app, components)
    usageRoutes(app, components)
    metadefRoutes(app, components, options)
    app.setNotFoundHandler((request) => {
      throw noRouteError(app, request, METHODS)
    })
    done()
  }
}
