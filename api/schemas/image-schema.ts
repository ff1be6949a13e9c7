/**
 * The schema of an image. Names, types and marks are API: glanceclient makes its options and nova its split between base
 * and custom properties (`is_base`) from them.
 */
import { IMAGE_STATUSES, VISIBILITIES } from '../../node/images/image-record.ts'
import type { FormatOptions } from '../v2/image-fields.ts'
import { KEY_DELETION_POLICIES, TEXT_LENGTH_MAX } from '../v2/image-fields.ts'
import {
  ALGORITHM_LENGTH_MAX,
  DIGEST_LENGTH_MAX,
  LOCATION_URL_LENGTH_MAX,
  MD5_LENGTH,
} from '../v2/location-body.ts'
import type { GlanceSchema } from './collection-schema.ts'

const UUID_PATTERN = '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'

export function imageSchema(formats: FormatOptions): GlanceSchema {
  return {
    name: 'image',
    properties: { ...settableProperties(formats), ...readOnlyProperties(), ...wellKnownProperties() },
    additionalProperties: { type: 'string' },
    links: [
      { rel: 'self', href: '{self}' },
      { rel: 'enclosure', href: '{file}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  }
}

function settableProperties({ diskFormats, containerFormats }: FormatOptions): Record<string, object> {
  const name = { type: ['null', 'string'], maxLength: TEXT_LENGTH_MAX }
  return {
    id: {
      type: 'string',
      description: 'Id of the image, chosen on creation or given',
      pattern: UUID_PATTERN,
    },
    name: { ...name, description: 'Name for people; need not be unique' },
    visibility: { type: 'string', description: 'Who may see the image', enum: [...VISIBILITIES] },
    protected: { type: 'boolean', description: 'Whether the image is safe from deletion' },
    os_hidden: { type: 'boolean', description: 'Whether the image is left out of lists unless asked for' },
    owner: { ...name, description: 'Project that owns the image' },
    container_format: formatProperty('Format of the container around the disk', containerFormats),
    disk_format: formatProperty('Format of the disk', diskFormats),
    min_ram: { type: 'integer', description: 'MiB of memory needed to boot' },
    min_disk: { type: 'integer', description: 'GiB of disk needed to boot' },
    tags: {
      type: 'array',
      description: 'Labels of the image',
      items: { type: 'string', maxLength: TEXT_LENGTH_MAX },
    },
    locations: locationsProperty(),
  }
}

function locationsProperty(): object {
  const validation = {
    type: 'object',
    description: 'Digests of the data there, for an image that is queued',
    writeOnly: true,
    additionalProperties: false,
    properties: {
      checksum: { type: 'string', minLength: MD5_LENGTH, maxLength: MD5_LENGTH },
      os_hash_algo: { type: 'string', maxLength: ALGORITHM_LENGTH_MAX },
      os_hash_value: { type: 'string', maxLength: DIGEST_LENGTH_MAX },
    },
    required: ['os_hash_algo', 'os_hash_value'],
  }
  const properties = {
    url: { type: 'string', maxLength: LOCATION_URL_LENGTH_MAX },
    metadata: { type: 'object' },
    validation_data: validation,
  }
  return {
    type: 'array',
    description: 'Every place where the data is',
    items: { type: 'object', properties, required: ['url', 'metadata'] },
  }
}

function formatProperty(description: string, formats: readonly string[]): object {
  return { type: ['null', 'string'], description, enum: [null, ...formats] }
}

function readOnlyProperties(): Record<string, object> {
  const text = { type: 'string', readOnly: true }
  const textOrNull = { type: ['null', 'string'], readOnly: true }
  const sizeOrNull = { type: ['null', 'integer'], readOnly: true }
  return {
    status: { ...text, description: 'State of the image', enum: [...IMAGE_STATUSES] },
    size: { ...sizeOrNull, description: 'Bytes of data' },
    virtual_size: { ...sizeOrNull, description: 'Bytes of the disk inside' },
    checksum: { ...textOrNull, description: 'MD5 of the data in hexadecimal', maxLength: MD5_LENGTH },
    os_hash_algo: {
      ...textOrNull,
      description: 'Algorithm of os_hash_value',
      maxLength: ALGORITHM_LENGTH_MAX,
    },
    os_hash_value: {
      ...textOrNull,
      description: 'Hash of the data in hexadecimal',
      maxLength: DIGEST_LENGTH_MAX,
    },
    created_at: { ...text, description: 'Time of creation' },
    updated_at: { ...text, description: 'Time of the last change' },
    direct_url: { ...text, description: 'Where the data is, for those who need no image service' },
    stores: { ...text, description: 'Ids of the stores that have the data, between commas' },
    self: { ...text, description: 'Path of the image' },
    file: { ...text, description: 'Path of the data' },
    schema: { ...text, description: 'Path of this schema' },
  }
}

/** Custom properties with a common meaning; marked as not base. */
function wellKnownProperties(): Record<string, object> {
  const text = { type: 'string', is_base: false }
  const uuidOrNull = { type: ['null', 'string'], pattern: UUID_PATTERN, is_base: false }
  return {
    kernel_id: { ...uuidOrNull, description: 'Image of the kernel to boot an ami image with' },
    ramdisk_id: { ...uuidOrNull, description: 'Image of the ramdisk to boot an ami image with' },
    instance_uuid: { ...text, description: 'Instance of which this is a snapshot; not a lasting link' },
    architecture: { ...text, description: 'Processor architecture of the system inside' },
    os_distro: { ...text, description: 'Common name of the distribution inside' },
    os_version: { ...text, description: 'Version of the system as its distributor gives it' },
    description: { ...text, description: 'Description for people' },
    cinder_encryption_key_id: { ...text, description: 'Key id of an encrypted volume kept by cinder' },
    cinder_encryption_key_deletion_policy: {
      ...text,
      description: 'What becomes of the key when the image is deleted',
      enum: [...KEY_DELETION_POLICIES],
    },
  }
}
