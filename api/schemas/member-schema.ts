/** The schema of an image member. */
import type { GlanceSchema } from './collection-schema.ts'

const time = { type: 'string', description: 'ISO 8601 time in UTC' }

export const memberSchema: GlanceSchema = {
  name: 'member',
  properties: {
    member_id: { type: 'string', description: 'Project with which the image is shared' },
    image_id: {
      type: 'string',
      description: 'Image that is shared',
      pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
    },
    status: {
      type: 'string',
      description: "The project's answer",
      enum: ['pending', 'accepted', 'rejected'],
    },
    created_at: time,
    updated_at: time,
    schema: { type: 'string', readOnly: true },
  },
}
