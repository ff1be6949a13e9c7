/** How images are imported, and how long is told of it: Glance's names and defaults. */
import { option } from './option.ts'
import { choice, duration, integer, list } from './option-types.ts'

export const IMPORT_METHODS = ['glance-direct', 'web-download', 'copy-image'] as const
export type ImportMethod = (typeof IMPORT_METHODS)[number]

/** A year. */
const TASK_HOURS_MAX = 8760

export const IMPORT_METHODS_OPTION = option(
  list(choice(...IMPORT_METHODS)),
  'glance-direct,web-download,copy-image',
  'Ways in which images are imported. glance-direct: from bytes that were staged before. web-download: from a URL, within ' +
    '[import_filtering_opts]. copy-image: into the cluster what lies at the locations of an image.',
)

export const STAGING_OPTION = option(
  duration,
  '2d',
  'How long staged bytes wait for their import. Then their image is queued again.',
)

export const TASK_OPTIONS = {
  task_time_to_live: option(
    integer(1, TASK_HOURS_MAX),
    '48',
    'Hours for which a task is told of after its end.',
  ),
}
