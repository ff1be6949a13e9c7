/** Finds out who asks, before routing is heeded: without identity even an unknown path is a 401. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents, ApiOptions } from './api-components.ts'
import { refuseLongRequestId } from './context.ts'

/** For all routes of `app`. */
export function identifyCallers(
  app: FastifyInstance,
  { authenticator, policy }: Pick<ApiComponents, 'authenticator' | 'policy'>,
  { maxRequestIdLength }: Pick<ApiOptions, 'maxRequestIdLength'>,
): void {
  app.addHook('onRequest', async (request) => {
    refuseLongRequestId(request, maxRequestIdLength)
    request.caller = policy.known(await authenticator.authenticate(request.headers, request.id))
  })
}
