/** Images that are still in the old Glance, as API v2 answers for them: as that Glance does. */
import type { ApiComponents, ApiOptions, OldGlancePort } from '../api-components.ts'
import { refuseDeactivated, type OldImageAnswer, type OldImageAnswers } from '../fall-through.ts'
import { sendJson, sendJsonText, sendNothing } from '../replies.ts'
import { sendImageData } from './image-data.ts'
import { imageIdOf } from './image-id.ts'

export function oldImagesV2(
  oldGlance: OldGlancePort,
  components: Pick<ApiComponents, 'streams' | 'log'>,
  options: Pick<ApiOptions, 'clientPauseMs'>,
): OldImageAnswers {
  const show: OldImageAnswer = async ({ reply, image }) => {
    sendJsonText(reply, 200, image.text)
    return true
  }
  const file: OldImageAnswer = async (asked) => {
    refuseDeactivated(asked)
    const { request, reply, image, token } = asked
    if (image.sizeBytes)
      await sendImageData(
        request,
        reply,
        oldGlance.open(imageIdOf(request), image, token),
        components,
        options,
      )
    else sendNothing(reply)
    return true
  }
  const members: OldImageAnswer = async ({ request, reply, token }) => {
    const shared = await oldGlance.members(imageIdOf(request), token)
    if (shared) sendJson(reply, 200, { members: shared, schema: '/v2/schemas/members' })
    return shared !== null
  }
  const member: OldImageAnswer = async ({ request, reply, token }) => {
    const { memberId } = request.params as { memberId?: string }
    const shared = await oldGlance.members(imageIdOf(request), token)
    const found = shared?.find(({ member_id: id }) => id === memberId)
    if (found) sendJson(reply, 200, found)
    return found !== undefined
  }
  const answers: Readonly<Record<string, OldImageAnswer>> = {
    '/:imageId': show,
    '/:imageId/file': file,
    '/:imageId/members': members,
    '/:imageId/members/:memberId': member,
  }
  return (method, url) => (method === 'GET' ? (answers[url.slice(url.indexOf('/:imageId'))] ?? null) : null)
}
