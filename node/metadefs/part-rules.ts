/** Which of Glance's rules a request about parts of a namespace is asked. */
import type { PartKind } from './namespace-record.ts'
import type { MetadefRule } from './namespace-rights.ts'

interface PartRules {
  list: MetadefRule
  /** Asked for what a list shows as well; null: it is not. */
  listed: MetadefRule | null
  get: MetadefRule
  add: MetadefRule
  modify: MetadefRule
  remove: MetadefRule
  removeAll: readonly MetadefRule[]
}

export const PART_RULES: Readonly<Record<PartKind, PartRules>> = {
  properties: {
    list: 'get_metadef_properties',
    listed: null,
    get: 'get_metadef_property',
    add: 'add_metadef_property',
    modify: 'modify_metadef_property',
    remove: 'remove_metadef_property',
    removeAll: ['delete_metadef_namespace'],
  },
  objects: {
    list: 'get_metadef_objects',
    listed: 'get_metadef_object',
    get: 'get_metadef_object',
    add: 'add_metadef_object',
    modify: 'modify_metadef_object',
    remove: 'delete_metadef_object',
    removeAll: ['delete_metadef_namespace'],
  },
  tags: {
    list: 'get_metadef_tags',
    listed: null,
    get: 'get_metadef_tag',
    add: 'add_metadef_tag',
    modify: 'modify_metadef_tag',
    remove: 'delete_metadef_tag',
    removeAll: ['delete_metadef_namespace', 'delete_metadef_tags'],
  },
  associations: {
    list: 'list_metadef_resource_types',
    listed: 'get_metadef_resource_type',
    get: 'get_metadef_resource_type',
    add: 'add_metadef_resource_type_association',
    modify: 'add_metadef_resource_type_association',
    remove: 'remove_metadef_resource_type_association',
    removeAll: ['delete_metadef_namespace'],
  },
}

/** To show a namespace is to show all that is in it. */
export const SHOW_RULES: readonly MetadefRule[] = [
  'get_metadef_namespace',
  'list_metadef_resource_types',
  'get_metadef_objects',
  'get_metadef_properties',
  'get_metadef_tags',
]
