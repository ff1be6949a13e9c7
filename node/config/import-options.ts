/** How images are imported, and how long is told of it: Glance's names and defaults. */
import { option, optional } from './option.ts'
import { choice, dictionary, duration, integer, list, path, size, text } from './option-types.ts'

export const IMPORT_METHODS = ['glance-direct', 'web-download', 'copy-image', 'glance-download'] as const
export type ImportMethod = (typeof IMPORT_METHODS)[number]

export const IMPORT_PLUGINS = [
  'no_op',
  'inject_image_metadata',
  'image_decompression',
  'image_conversion',
] as const
export type ImportPlugin = (typeof IMPORT_PLUGINS)[number]

const MIB = 1024 ** 2

/** A year. */
const TASK_HOURS_MAX = 8760

export const IMPORT_METHODS_OPTION = option(
  list(choice(...IMPORT_METHODS)),
  'glance-direct,web-download,copy-image',
  'Ways in which images are imported. glance-direct: from bytes that were staged before. web-download: from a URL, within ' +
    '[import_filtering_opts]. copy-image: into the cluster what lies at the locations of an image. glance-download: from the image service of another region, ' +
    'which is found in the catalogue of Keystone, with the token of whoever asks for it.',
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

export const PLUGIN_OPTIONS = {
  image_import_plugins: option(
    list(choice(...IMPORT_PLUGINS)),
    'no_op',
    'What is done to images that are imported, in this order. inject_image_metadata: they get the properties of ' +
      '[inject_metadata_properties]. image_decompression: gzip, and zip archives of one file, are unpacked, unless the ' +
      'container_format is compressed. image_conversion: to the format of [image_conversion], by qemu-img.',
  ),
}

export const CONVERSION_OPTIONS = {
  output_format: option(choice('qcow2', 'raw', 'vmdk'), 'raw', 'What imported images are converted to.'),
  work_dir: optional(
    path,
    'Directory in which images are converted and zip archives unpacked, below it in `scratch`, which is emptied at each ' +
      'start of the node. Unset: state_path.',
  ),
  work_dir_size: option(
    size(MIB),
    '64 GiB',
    'Most bytes that all imports of this node have there at a time; an import that needs more fails. What ' +
      '[store] free_bytes_min says is left free there, too.',
  ),
}

export const INJECTION_OPTIONS = {
  inject: option(dictionary, '', 'The properties.'),
  ignore_user_roles: option(
    list(text),
    'admin',
    'Whoever has one of these roles imports images without these properties.',
  ),
}

export const GLANCE_DOWNLOAD_OPTIONS = {
  extra_properties: option(
    list(text),
    'hw_,trait:,os_distro,os_secure_boot,os_type',
    'Beginnings of the names of properties that an image takes along from the other region.',
  ),
}
