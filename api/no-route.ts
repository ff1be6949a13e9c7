/** What to say where a version of the API has no route. */
import type { FastifyInstance, FastifyRequest, HTTPMethods } from 'fastify'
import { ImageError } from '../node/errors.ts'
import { HttpError } from './errors.ts'

/** 405 where another of `methods` would do, else 404. */
export function noRouteError(
  app: FastifyInstance,
  request: FastifyRequest,
  methods: readonly HTTPMethods[],
): Error {
  const [path = ''] = request.url.split('?')
  const allowed = methods.filter((method) => isRoute(app.findRoute({ method, url: path })))
  // The router lets a parameter be empty, but `/images/` names no image.
  if (allowed.length === 0 || path.endsWith('/')) return nothingHere()
  const message = `The method ${request.method} is not allowed for this resource.`
  return new HttpError('METHOD_NOT_ALLOWED', message, { allow: allowed.join(', ') })
}

/** The router lets a parameter be empty, but that names nothing. Throws NOT_FOUND. */
export function givenParam(value: string): string {
  if (value === '') throw nothingHere()
  return value
}

function nothingHere(): ImageError {
  return new ImageError('NOT_FOUND', 'There is nothing at this path.')
}

/** fastify's types leave out the null for "no such route". */
function isRoute(route: object | null): boolean {
  return route !== null
}
