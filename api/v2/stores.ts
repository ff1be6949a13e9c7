/** The stores by their names: which there are, and taking an image out of one. */
import type { FastifyInstance } from 'fastify'
import type { StoreInfo } from '../../node/images/store-list.ts'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { givenParam } from '../no-route.ts'
import { sendJson, sendNothing } from '../replies.ts'
import { refuseBody } from '../request-body.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

interface StoreParams {
  Params: ImageParams['Params'] & { store: string }
}

export function storeRoutes(app: FastifyInstance, { stores, imports, policy }: ApiComponents): void {
  app.get('/info/stores', async (request, reply) => {
    refuseBody(request.raw)
    return sendJson(reply, 200, { stores: stores.all.map(storeView) })
  })

  app.get('/info/stores/detail', async (request, reply) => {
    refuseBody(request.raw)
    policy.require('stores_info_detail', callerOf(request))
    const detailed = stores.all.map(detailView)
    return sendJson(reply, 200, { stores: detailed })
  })

  app.delete<StoreParams>('/stores/:store/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    await imports.removeFromStore(callerOf(request), imageIdOf(request), givenParam(request.params.store))
    return sendNothing(reply)
  })
}

/** What does not hold is not said; what does is a text, as in Glance. */
function storeView({ id, description, isDefault, isReadOnly }: StoreInfo) {
  return {
    id,
    ...(description !== null && { description }),
    ...(isDefault && { default: 'true' }),
    ...(isReadOnly && { 'read-only': 'true' }),
  }
}

function detailView(store: StoreInfo) {
  const { type, weight, properties } = store
  return { ...storeView(store), type, weight, properties }
}
