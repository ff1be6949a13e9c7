/** JSON schemas, from which clients build their models of an image. */
import type { FastifyInstance } from 'fastify'
import type { ApiOptions } from '../api-components.ts'
import { sendJson } from '../replies.ts'
import { refuseBody } from '../request-body.ts'
import { collectionSchema } from '../schemas/collection-schema.ts'
import { imageSchema } from '../schemas/image-schema.ts'
import { memberSchema } from '../schemas/member-schema.ts'
import { taskSchema, taskStubSchema } from '../schemas/task-schema.ts'

export function schemaRoutes(app: FastifyInstance, options: ApiOptions): void {
  const image = imageSchema(options)
  const schemas = {
    image,
    images: collectionSchema('images', image, { paged: true }),
    member: memberSchema,
    members: collectionSchema('members', memberSchema, { paged: false }),
    task: taskSchema,
    tasks: collectionSchema('tasks', taskStubSchema, { paged: false }),
  }
  for (const [name, schema] of Object.entries(schemas)) {
    app.get(`/schemas/${name}`, async (request, reply) => {
      refuseBody(request.raw)
      return sendJson(reply, 200, schema)
    })
  }
}
