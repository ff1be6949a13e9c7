/** The OpenAPI 3.1 document of the operator port. */
import type { FastifyInstance } from 'fastify'
import { SERAC_VERSION } from '../../../node/version.ts'
import { clusterSchemas } from './cluster-schemas.ts'
import { OPERATIONS, type Operation } from './operations.ts'
import { ref, text } from './schema-words.ts'
import { statusSchemas } from './status-schemas.ts'

const BYTES = 'application/octet-stream'
const INFO = {
  title: 'Serac operator API',
  version: SERAC_VERSION,
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  description:
    'What operators see of a cluster and may do to it, from any node. Fields may be added; what is here keeps its meaning. ' +
    'On loopback without [operator] token nobody is asked for credentials.',
}
const SECURITY = {
  operatorToken: { type: 'http', scheme: 'bearer', description: '[operator] token.' },
  keystone: { type: 'apiKey', in: 'header', name: 'X-Auth-Token', description: 'Of an administrator.' },
}

export function openApiDocument(): object {
  const paths = Object.entries(OPERATIONS).map(([path, operations]) => [path, pathItem(path, operations)])
  return {
    openapi: '3.1.0',
    info: INFO,
    security: Object.keys(SECURITY).map((name) => ({ [name]: [] })),
    paths: Object.fromEntries(paths) as object,
    components: { schemas: { ...statusSchemas, ...clusterSchemas }, securitySchemes: SECURITY },
  }
}

export function openApiRoutes(app: FastifyInstance): void {
  const document = openApiDocument()
  app.get('/v1/openapi.json', async () => document)
}

function pathItem(path: string, operations: Readonly<Record<string, Operation>>): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
  return {
    ...(names.length > 0 && {
      parameters: names.map((name) => ({ name, in: 'path', required: true, schema: text() })),
    }),
    ...Object.fromEntries(
      Object.entries(operations).map(([method, each]) => [method, operationOf(method, path, each)]),
    ),
  }
}

function operationOf(method: string, path: string, operation: Operation): object {
  const { summary, body, query = {}, answers, isPublic } = operation
  const responses = Object.entries(answers).map(([status, name]) => [status, answerOf(status, name)])
  return {
    operationId: operationId(method, path),
    summary,
    ...(isPublic && { security: [] }),
    ...(Object.keys(query).length > 0 && {
      parameters: Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema })),
    }),
    ...(body !== undefined && {
      requestBody: { required: body !== 'InviteRequest', content: contentOf(body) },
    }),
    responses: {
      ...(Object.fromEntries(responses) as object),
      default: { description: 'What went wrong, and what to do.', content: contentOf('Error') },
    },
  }
}

function answerOf(status: string, name: string | null): object {
  const description = Number(status) < 300 ? 'Done.' : 'Not now.'
  return { description, ...(name !== null && { content: contentOf(name) }) }
}

function contentOf(name: string): object {
  if (name === 'text') return { 'text/plain': { schema: text() } }
  if (name === 'bytes') return { [BYTES]: {} }
  return { 'application/json': { schema: name === 'any' ? { type: 'object' } : ref(name) } }
}

/** `getClusterNodes`, `postClusterNodesIdLoopsName`. */
function operationId(method: string, path: string): string {
  const words = path.replace(/^\/v1\//, '').match(/\w+/g) ?? []
  return method + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
}
