/** The cases of the differential run: small scripts of requests, which are sent to Glance and to Serac alike. */

/** Who sends a request. The projects belong to one case or scope, and nobody else knows them. */
export const IDENTITIES = {
  /** Makes the images, unless said otherwise. */
  owner: { project: 'owner', roles: ['member', 'reader'] },
  /** Of the owner's project, and may only read. */
  reader: { project: 'owner', roles: ['reader'] },
  /** Of another project: who is to become a member, or a stranger. */
  other: { project: 'other', roles: ['member', 'reader'] },
  third: { project: 'third', roles: ['member', 'reader'] },
  admin: { project: 'admin', roles: ['admin', 'member', 'reader'] },
  service: { project: 'service', roles: ['service'] },
  /** In the owner's project without any role. */
  roleless: { project: 'owner', roles: [] },
  /** A token that is for no project. */
  projectless: { project: null, roles: ['member', 'reader'] },
  /** Without any identity. */
  nobody: null,
} as const satisfies Record<string, { project: string | null; roles: readonly string[] } | null>

export type Who = keyof typeof IDENTITIES

/**
 * One request. `{name}` in path, headers and body stands for what was kept under that name in the answer of the same
 * server to an earlier step, or for the id of the project of that name, such as `{other}`; `{mirror}` for the URL of the
 * server that has files for locations, and `{host}` for its host and port.
 */
export interface Step {
  as: Who
  method: string
  path: string
  /** null takes a header away that is sent by default. */
  headers: Readonly<Record<string, string | null>>
  body: string | Buffer | null
  /** Sends the body in chunks, without its length. */
  chunked: boolean
  /** What later steps need: the members of the answer's body by the names to keep them under. */
  keep: Readonly<Record<string, string>>
  /** Goes on to the pages that the answers call `next`, each server to its own, as long as there is one. */
  walk: boolean
  /** Sends it again until the body of the answer, as text, fits: something goes on behind an answer before. null: once. */
  until: RegExp | null
}

export interface Case {
  /** AREA/WHAT, unique. */
  name: string
  /** Whose projects are in it: cases of one scope see each other's images, which stay. null = its own, and none stays. */
  scope: string | null
  steps: readonly Step[]
}

export const PATCH_21 = 'application/openstack-images-v2.1-json-patch'
export const PATCH_20 = 'application/openstack-images-v2.0-json-patch'
export const OCTETS = 'application/octet-stream'

type Options = Partial<Omit<Step, 'method' | 'path'>>

export function request(method: string, path: string, options: Options = {}): Step {
  return {
    as: 'owner',
    method,
    path,
    headers: {},
    body: null,
    chunked: false,
    keep: {},
    walk: false,
    until: null,
    ...options,
  }
}

export function get(path: string, options: Options = {}): Step {
  return request('GET', path, options)
}

/** `value` as a JSON body. */
export function json(value: unknown): Pick<Step, 'body' | 'headers'> {
  return { body: JSON.stringify(value), headers: { 'content-type': 'application/json' } }
}

/** Makes an image, whose id is kept under `name`. */
export function create(draft: object = {}, options: Options = {}, name = 'id'): Step {
  return request('POST', '/v2/images', { ...json(draft), keep: { [name]: 'id' }, ...options })
}

/** An image with formats, as an upload needs them. */
export function createRaw(draft: object = {}, options: Options = {}, name = 'id'): Step {
  return create({ disk_format: 'raw', container_format: 'bare', ...draft }, options, name)
}

export function show(options: Options = {}, name = 'id'): Step {
  return get(`/v2/images/{${name}}`, options)
}

export function remove(options: Options = {}, name = 'id'): Step {
  return request('DELETE', `/v2/images/{${name}}`, options)
}

/** A patch of the image kept as `id`, in the dialect of `type`. */
export function patch(operations: unknown, options: Options = {}, type = PATCH_21): Step {
  const body = JSON.stringify(operations)
  return request('PATCH', '/v2/images/{id}', { headers: { 'content-type': type }, body, ...options })
}

/** `bytes` as the data of an image. */
export function upload(bytes: string | Buffer, options: Options = {}, name = 'id'): Step {
  return request('PUT', `/v2/images/{${name}}/file`, {
    body: bytes,
    ...options,
    headers: { 'content-type': OCTETS, ...options.headers },
  })
}

export function download(options: Options = {}, name = 'id'): Step {
  return get(`/v2/images/{${name}}/file`, options)
}

/** Makes a project a member of the image kept as `id`. */
export function share(project: Who, options: Options = {}): Step {
  return request('POST', '/v2/images/{id}/members', { ...json({ member: `{${project}}` }), ...options })
}

/** One case for each entry of `scripts`, named `area/KEY`. */
export function cases(
  area: string,
  scripts: Readonly<Record<string, readonly Step[]>>,
  scope: string | null = null,
): Case[] {
  return Object.entries(scripts).map(([name, steps]) => ({ name: `${area}/${name}`, scope, steps }))
}
