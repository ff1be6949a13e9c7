/** Members of an image as API v2 shows them. */
import type { ImageMember } from '../../node/images/image-record.ts'

export function memberView(imageId: string, member: ImageMember): Record<string, string> {
  return {
    member_id: member.memberId,
    image_id: imageId,
    status: member.status,
    created_at: member.createdAt,
    updated_at: member.updatedAt,
    schema: '/v2/schemas/member',
  }
}

export function membersView(imageId: string, members: readonly ImageMember[]): Record<string, unknown> {
  return { members: members.map((member) => memberView(imageId, member)), schema: '/v2/schemas/members' }
}
