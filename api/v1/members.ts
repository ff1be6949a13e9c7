/** Members in API v1: a PUT makes one or changes it, another all of them at once. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import type { WantedMember } from '../../node/images/sharing-operations.ts'
import type { V1ImagesPort } from '../../node/images/v1-images-port.ts'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { givenParam } from '../no-route.ts'
import { sendJson, sendNothing, unwrap } from '../replies.ts'
import { hasBody, readJsonBody } from '../request-body.ts'
import { TEXT_LENGTH_MAX } from '../v2/image-fields.ts'
import { imageIdOf, type ImageParams } from '../v2/image-id.ts'
import { isObject } from '../v2/json-object.ts'

interface MemberParams {
  Params: ImageParams['Params'] & { memberId: string }
}

export function v1MemberRoutes(
  app: FastifyInstance,
  v1: V1ImagesPort,
  { clock }: Pick<ApiComponents, 'clock'>,
): void {
  app.get<ImageParams>('/images/:imageId/members', async (request, reply) => {
    const members = unwrap(reply, await v1.members(callerOf(request), imageIdOf(request)))
    return sendJson(reply, 200, {
      members: members.map(({ memberId, canShare }) => ({
        member_id: memberId,
        can_share: canShare ?? false,
      })),
    })
  })

  app.put<ImageParams>('/images/:imageId/members', async (request, reply) => {
    const members = membersIn(await readJsonBody(request.raw, reply.raw, clock))
    await v1.putMembers(callerOf(request), imageIdOf(request), members, true)
    return sendNothing(reply)
  })

  app.put<MemberParams>('/images/:imageId/members/:memberId', async (request, reply) => {
    const body = hasBody(request.raw) ? await readJsonBody(request.raw, reply.raw, clock) : null
    const member = { memberId: memberIdOf(request), canShare: body === null ? null : canShareIn(body) }
    await v1.putMembers(callerOf(request), imageIdOf(request), [member], false)
    return sendNothing(reply)
  })

  app.delete<MemberParams>('/images/:imageId/members/:memberId', async (request, reply) => {
    await v1.dropMember(callerOf(request), imageIdOf(request), memberIdOf(request))
    return sendNothing(reply)
  })

  app.get<{ Params: { memberId: string } }>('/shared-images/:memberId', async (request, reply) => {
    const { memberId } = request.params
    const images = await v1.sharedWith(callerOf(request), memberId)
    const shared_images = images.map(({ id, members }) => ({
      image_id: id,
      can_share: members.find((member) => member.memberId === memberId)?.canShare ?? false,
    }))
    return sendJson(reply, 200, { shared_images })
  })
}

function memberIdOf({ params }: FastifyRequest<MemberParams>): string {
  return checkMemberId(givenParam(params.memberId))
}

function canShareIn(body: unknown): boolean {
  const member = isObject(body) ? body['member'] : undefined
  const canShare = isObject(member) ? member['can_share'] : undefined
  if (typeof canShare === 'boolean') return canShare
  throw new ImageError(
    'INVALID',
    'Invalid membership association. Expected the form: {"member": {"can_share": false}}',
  )
}

function membersIn(body: unknown): WantedMember[] {
  const memberships = isObject(body) ? body['memberships'] : undefined
  if (!Array.isArray(memberships)) throw badMemberships()
  return memberships.map((one: unknown): WantedMember => {
    const { member_id: memberId, can_share: canShare = null } = isObject(one) ? one : {}
    if (typeof memberId !== 'string' || (canShare !== null && typeof canShare !== 'boolean'))
      throw badMemberships()
    return { memberId: checkMemberId(memberId), canShare }
  })
}

function checkMemberId(memberId: string): string {
  if (memberId !== '' && memberId.length <= TEXT_LENGTH_MAX) return memberId
  throw new ImageError('INVALID', `A member is named by 1 to ${TEXT_LENGTH_MAX} characters.`)
}

function badMemberships(): ImageError {
  return new ImageError(
    'INVALID',
    'Invalid membership association. Expected the form: {"memberships": [{"member_id": "project", "can_share": false}]}',
  )
}
