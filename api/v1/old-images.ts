/** Images that are still in the old Glance, as API v1 answers for them: from what that Glance shows by v2, as it may have no v1. */
import type { ApiComponents, ApiOptions, OldGlancePort } from '../api-components.ts'
import { sendBytes } from '../byte-answer.ts'
import { refuseDeactivated, type OldImageAnswer, type OldImageAnswers } from '../fall-through.ts'
import type { OldImage } from '../../node/images/old-glance.ts'
import { GLANCE_FIELDS } from '../../node/images/glance-fields.ts'
import { sendJson } from '../replies.ts'
import { wholeRange } from '../v2/byte-range.ts'
import { imageIdOf } from '../v2/image-id.ts'
import { imageHeadersV1, type ImageShownByV1 } from '../views/image-v1.ts'

export function oldImagesV1(
  oldGlance: OldGlancePort,
  components: Pick<ApiComponents, 'streams' | 'log'>,
  options: Pick<ApiOptions, 'clientPauseMs'>,
): OldImageAnswers {
  const show: OldImageAnswer = async ({ reply, image }) => {
    await reply
      .code(200)
      .headers(imageHeadersV1(shownByV1(image)))
      .send()
    return true
  }
  const download: OldImageAnswer = async (asked) => {
    refuseDeactivated(asked)
    const { request, reply, image, token } = asked
    // As v1 has it of an image without data.
    if (image.status !== 'active') return false
    const data = oldGlance.open(imageIdOf(request), image, token)
    const headers = {
      ...imageHeadersV1(shownByV1(image)),
      'content-type': 'application/octet-stream',
      'content-length': data.sizeBytes,
    }
    await sendBytes(
      request,
      reply,
      { status: 200, headers, data, range: wholeRange(data) },
      components,
      options,
    )
    return true
  }
  const members: OldImageAnswer = async ({ request, reply, token }) => {
    const shared = await oldGlance.members(imageIdOf(request), token)
    if (!shared) return false
    sendJson(reply, 200, { members: shared.map(({ member_id }) => ({ member_id, can_share: false })) })
    return true
  }
  const answers: Readonly<Record<string, OldImageAnswer>> = {
    'HEAD /:imageId': show,
    'GET /:imageId': download,
    'GET /:imageId/members': members,
  }
  return (method, url) => answers[`${method} ${url.slice(url.indexOf('/:imageId'))}`] ?? null
}

/** What that Glance does not say is what an image has that nobody said anything of. */
function shownByV1({ text }: OldImage): ImageShownByV1 {
  const shown = JSON.parse(text) as Record<string, unknown>
  const own = Object.entries(shown).filter(
    (entry): entry is [string, string] => !GLANCE_FIELDS.has(entry[0]) && typeof entry[1] === 'string',
  )
  const textOf = (name: string) => (typeof shown[name] === 'string' ? shown[name] : null)
  const numberOf = (name: string) => (typeof shown[name] === 'number' ? shown[name] : null)
  return {
    id: String(shown['id']),
    name: textOf('name'),
    size: numberOf('size'),
    diskFormat: textOf('disk_format'),
    containerFormat: textOf('container_format'),
    checksum: textOf('checksum'),
    virtualSize: numberOf('virtual_size'),
    minDisk: numberOf('min_disk') ?? 0,
    minRam: numberOf('min_ram') ?? 0,
    status: shown['status'] as ImageShownByV1['status'],
    visibility: shown['visibility'] as ImageShownByV1['visibility'],
    owner: textOf('owner'),
    protected: shown['protected'] === true,
    createdAt: textOf('created_at') ?? '',
    updatedAt: textOf('updated_at') ?? '',
    deletedAt: null,
    properties: Object.fromEntries(own),
  }
}
