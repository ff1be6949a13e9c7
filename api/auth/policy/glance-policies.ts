/**
 * The rules of Glance with their defaults, as of its 2026.2 development (API 2.18): what a request is asked that a policy
 * file says nothing about. Names and texts are what operators override, so they are Glance's own.
 */
export interface PolicyDefault {
  rule: string
  /** Glance's default before secure RBAC; holds as well while `enforce_new_defaults` is off. null: there was none. */
  legacyRule: string | null
  /** Asked directly, for tokens of a project. False for what only other rules name. */
  isScoped: boolean
}

const ADMIN = 'rule:context_is_admin'
const MEMBER = 'role:member and project_id:%(project_id)s'
const READER = 'role:reader and project_id:%(project_id)s'
const SHARED_WITH_CALLER = 'project_id:%(member_id)s'
const OPEN = "'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s"
const ANY_SEEN = `(project_id:%(project_id)s or ${SHARED_WITH_CALLER} or ${OPEN})`

const ADMIN_OR_MEMBER = `${ADMIN} or (${MEMBER})`
const ADMIN_OR_READER = `${ADMIN} or (${READER})`
const ADMIN_OR_DOWNLOADER = `${ADMIN} or (role:member and ${ANY_SEEN})`
const ADMIN_OR_SHARING_READER = `${ADMIN} or role:reader and (project_id:%(project_id)s or ${SHARED_WITH_CALLER})`
const ADMIN_OR_NAMESPACE_READER = `${ADMIN} or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))`
const METADEF_ADMIN = 'rule:metadef_admin'

/** In Glance's order. */
export const GLANCE_POLICIES: Readonly<Record<string, PolicyDefault>> = {
  default: { rule: '', legacyRule: ADMIN, isScoped: false },
  context_is_admin: { rule: 'role:admin', legacyRule: null, isScoped: false },
  service_api: { rule: 'role:service or role:admin', legacyRule: null, isScoped: false },

  add_image: image(`${ADMIN} or (${MEMBER} and project_id:%(owner)s)`),
  delete_image: image(ADMIN_OR_MEMBER),
  get_image: image(`${ADMIN} or (role:reader and ${ANY_SEEN})`),
  get_images: image(ADMIN_OR_READER),
  modify_image: image(ADMIN_OR_MEMBER),
  publicize_image: recent(ADMIN),
  communitize_image: image(ADMIN_OR_MEMBER),
  download_image: image(ADMIN_OR_DOWNLOADER),
  download_from_store: recent(ADMIN_OR_DOWNLOADER),
  upload_image: image(ADMIN_OR_MEMBER),
  delete_image_location: image(ADMIN),
  get_image_location: image(ADMIN_OR_READER),
  set_image_location: image(ADMIN_OR_MEMBER),
  add_image_location: recent(`rule:service_api or (${MEMBER} and project_id:%(owner)s)`),
  fetch_image_location: recent('rule:service_api'),
  add_member: image(ADMIN_OR_MEMBER),
  delete_member: image(ADMIN_OR_MEMBER),
  get_member: image(ADMIN_OR_SHARING_READER),
  get_members: image(ADMIN_OR_SHARING_READER),
  modify_member: image(`${ADMIN} or (role:member and ${SHARED_WITH_CALLER})`),
  manage_image_cache: recent(ADMIN),
  deactivate: image(ADMIN_OR_MEMBER),
  reactivate: image(ADMIN_OR_MEMBER),
  copy_image: recent(ADMIN),
  // V1 alone asks it, and files from that time have it.
  copy_from: recent(''),
  list_cached_nodes: recent(ADMIN),

  get_task: image('rule:default'),
  get_tasks: image('rule:default'),
  add_task: image('rule:default'),
  modify_task: recent('rule:default'),
  tasks_api_access: recent(ADMIN),

  metadef_default: { rule: '', legacyRule: null, isScoped: false },
  metadef_admin: { rule: ADMIN, legacyRule: null, isScoped: false },
  get_metadef_namespace: metadef(ADMIN_OR_NAMESPACE_READER),
  get_metadef_namespaces: metadef(ADMIN_OR_READER),
  modify_metadef_namespace: recent(METADEF_ADMIN),
  add_metadef_namespace: recent(METADEF_ADMIN),
  delete_metadef_namespace: recent(METADEF_ADMIN),
  get_metadef_object: metadef(ADMIN_OR_NAMESPACE_READER),
  get_metadef_objects: metadef(ADMIN_OR_NAMESPACE_READER),
  modify_metadef_object: recent(METADEF_ADMIN),
  add_metadef_object: recent(METADEF_ADMIN),
  delete_metadef_object: recent(METADEF_ADMIN),
  list_metadef_resource_types: metadef(ADMIN_OR_NAMESPACE_READER),
  get_metadef_resource_type: metadef(ADMIN_OR_NAMESPACE_READER),
  add_metadef_resource_type_association: recent(METADEF_ADMIN),
  remove_metadef_resource_type_association: recent(METADEF_ADMIN),
  get_metadef_property: metadef(ADMIN_OR_NAMESPACE_READER),
  get_metadef_properties: metadef(ADMIN_OR_NAMESPACE_READER),
  modify_metadef_property: recent(METADEF_ADMIN),
  add_metadef_property: recent(METADEF_ADMIN),
  remove_metadef_property: recent(METADEF_ADMIN),
  get_metadef_tag: metadef(ADMIN_OR_NAMESPACE_READER),
  get_metadef_tags: metadef(ADMIN_OR_NAMESPACE_READER),
  modify_metadef_tag: recent(METADEF_ADMIN),
  add_metadef_tag: recent(METADEF_ADMIN),
  add_metadef_tags: recent(METADEF_ADMIN),
  delete_metadef_tag: recent(METADEF_ADMIN),
  delete_metadef_tags: recent(METADEF_ADMIN),

  cache_image: { rule: ADMIN, legacyRule: 'rule:manage_image_cache', isScoped: true },
  cache_list: { rule: ADMIN, legacyRule: 'rule:manage_image_cache', isScoped: true },
  cache_delete: { rule: ADMIN, legacyRule: 'rule:manage_image_cache', isScoped: true },
  cache_clean: recent(ADMIN),
  cache_prune: recent(ADMIN),
  stores_info_detail: { rule: `${ADMIN} or rule:service_api`, legacyRule: ADMIN, isScoped: true },
}

/**
 * What Glance demands beside the rule while `enforce_new_defaults` is off, whatever the policy file says: its own check of
 * the owner from the time before.
 */
export const LEGACY_OWNER_RULE = 'is_admin:True or project_id:%(owner)s'
export const LEGACY_OWNED: ReadonlySet<string> = new Set([
  'add_image',
  'delete_image',
  'upload_image',
  'modify_image',
  'deactivate',
  'reactivate',
  'delete_image_location',
  'add_member',
  'delete_member',
])

function image(rule: string): PolicyDefault {
  return { rule, legacyRule: 'rule:default', isScoped: true }
}

function metadef(rule: string): PolicyDefault {
  return { rule, legacyRule: 'rule:metadef_default', isScoped: true }
}

/** Younger than secure RBAC, or never changed by it. */
function recent(rule: string): PolicyDefault {
  return { rule, legacyRule: null, isScoped: true }
}
