/** The projects with which an image is shared. Creating one answers 200, not 201, as in Glance. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { givenParam } from '../no-route.ts'
import { sendJson, sendNothing, unwrap } from '../replies.ts'
import { readJsonBody, refuseBody } from '../request-body.ts'
import { memberView, membersView } from '../views/member-v2.ts'
import { TEXT_LENGTH_MAX } from './image-fields.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'
import { isObject } from './json-object.ts'

interface MemberParams {
  Params: ImageParams['Params'] & { memberId: string }
}

export function memberRoutes(app: FastifyInstance, { images, clock }: ApiComponents): void {
  app.get<ImageParams>('/images/:imageId/members', async (request, reply) => {
    refuseBody(request.raw)
    const id = imageIdOf(request)
    return sendJson(reply, 200, membersView(id, unwrap(reply, await images.members(callerOf(request), id))))
  })

  app.post<ImageParams>('/images/:imageId/members', async (request, reply) => {
    const memberId = newMemberId(await readJsonBody(request.raw, reply.raw, clock))
    const id = imageIdOf(request)
    return sendJson(reply, 200, memberView(id, await images.addMember(callerOf(request), id, memberId)))
  })

  app.get<MemberParams>('/images/:imageId/members/:memberId', async (request, reply) => {
    refuseBody(request.raw)
    const id = imageIdOf(request)
    const member = unwrap(reply, await images.member(callerOf(request), id, memberIdOf(request)))
    return sendJson(reply, 200, memberView(id, member))
  })

  app.put<MemberParams>('/images/:imageId/members/:memberId', async (request, reply) => {
    const status = statusIn(await readJsonBody(request.raw, reply.raw, clock))
    const id = imageIdOf(request)
    const member = await images.answerMember(callerOf(request), id, memberIdOf(request), status)
    return sendJson(reply, 200, memberView(id, member))
  })

  app.delete<MemberParams>('/images/:imageId/members/:memberId', async (request, reply) => {
    refuseBody(request.raw)
    await images.removeMember(callerOf(request), imageIdOf(request), memberIdOf(request))
    return sendNothing(reply)
  })
}

function memberIdOf({ params }: FastifyRequest<MemberParams>): string {
  return givenParam(params.memberId)
}

/** Any text may be the id of a project: nobody asks Keystone. Throws INVALID. */
function newMemberId(body: unknown): string {
  const memberId = isObject(body) ? body['member'] : undefined
  if (typeof memberId === 'string' && memberId !== '' && memberId.length <= TEXT_LENGTH_MAX) return memberId
  throw new ImageError(
    'INVALID',
    `Expected a project of 1 to ${TEXT_LENGTH_MAX} characters in the form: {"member": "project id"}`,
  )
}

/** Which status it may be is for those to know who may set it. Throws INVALID for another form. */
function statusIn(body: unknown): string {
  if (!isObject(body) || !Object.hasOwn(body, 'status'))
    throw new ImageError('INVALID', 'Expected a status in the form: {"status": "accepted"}')
  const { status } = body
  return typeof status === 'string' ? status : ''
}
