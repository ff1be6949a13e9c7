/** The differences from Glance 25.1 that are wanted, each with its reason. A row that explains nothing fails the run. */
import { ABSENT } from './absent.ts'

export const REASONS = {
  wording: 'texts for people are in words of our own; clients go by status and form',
  'request id': 'every answer has a request id, and one of its own: clients send theirs for whole tasks',
  'server error': 'Glance answers 500 to bad input; here it is told what is wrong',
  'no body': 'an answer without a body has no type and no length',
  'not offered yet':
    'import, several stores, cache and what depends on them: not listed, so no client asks for it',
  younger: 'a later Glance does it; 25.1 does not know it',
  'dead end': 'Glance leads to a page that is not there',
  path: 'an empty segment names nothing; a slash that is encoded belongs to the name',
  framing: 'a body where none is expected is refused however it is framed',
  'no project': 'who is for no project owns nothing, and is not taken for the owner of what has no owner',
  'read-only': 'what only the service sets is refused, and not dropped or faked without a word',
  order: 'of two things that are wrong either may be told',
  unicode: 'any text of Unicode will do; the database of Glance takes none of four bytes',
  letters: 'an id, or a media type, is the same in capitals',
  column: 'longer than the column of the databases that Glance is run on: a 500 there, accepted by SQLite',
  'no owner': 'an owner without a name is none',
  prototype: 'no client is sent a name that changes the objects that it parses into',
  range: 'a part of no bytes cannot be served',
  type: 'an id is a text',
  set: 'the same tag twice is one tag',
  encoding: 'Glance reads the UTF-8 of a path as Latin-1',
  room: 'an empty image takes no room of a quota',
  preflight: 'a preflight is answered without a body',
  hiding: 'a marker that the caller may not see is as if it were not there',
  repeated:
    'links keep all of a repeated parameter; Glance keeps one, and takes some of the rest for properties',
  paging: 'a walk ends; Glance starts over, for ever, behind an image without size',
  quotes: 'a quote that is escaped in a quoted value belongs to it, as the documents of Glance say',
  numbers: 'what is no number, or no choice, is refused, and neither compared nor read as Python would',
} as const

export type Reason = keyof typeof REASONS

/** Which differences it explains; `*` stands for any text, and what is left out for anything. */
export interface WantedDifference {
  because: Reason
  /** Name of the case. */
  in?: string
  /** METHOD and path as the case has them. */
  request?: string
  field: string
  glance?: unknown
  serac?: unknown
}

const STATUS = 'status'
const UNLISTED_MINORS = ['2.6', '2.8', '2.9', '2.10', '2.11', '2.12', '2.13', '2.15']

export const WANTED: readonly WantedDifference[] = [
  { because: 'wording', field: 'body.message' },
  { because: 'wording', field: 'body.*.description' },
  { because: 'wording', in: 'health/html', field: 'body' },
  { because: 'request id', field: 'headers.x-openstack-request-id', glance: ABSENT },
  { because: 'request id', in: 'request-id/one of another form', field: 'headers.x-openstack-request-id' },
  { because: 'request id', in: 'request-id/the longest', field: 'headers.x-openstack-request-id' },
  { because: 'no body', field: 'headers.content-type', glance: 'text/html; charset=UTF-8', serac: ABSENT },
  { because: 'no body', field: 'headers.content-length', glance: '<true>', serac: ABSENT },
  { because: 'server error', in: 'request-id/too long', field: STATUS, glance: 500, serac: 431 },
  { because: 'server error', in: 'create/a list', field: STATUS, glance: 500, serac: 400 },
  {
    because: 'server error',
    in: 'patch/body/a path that is a number',
    field: STATUS,
    glance: 500,
    serac: 400,
  },
  { because: 'server error', in: 'tags/%ff', request: '*/tags/%ff', field: STATUS, glance: 500, serac: 400 },
  { because: 'server error', in: 'data/asked for before', field: STATUS, glance: 500, serac: 204 },
  { because: 'server error', in: "data/range 'bytes=-'", field: STATUS, glance: 500, serac: 416 },
  { because: 'server error', in: "data/content-range 'bytes */26'", field: STATUS, glance: 500, serac: 416 },
  ...UNLISTED_MINORS.flatMap((minor): WantedDifference[] => [
    { because: 'not offered yet', field: `body.versions.v${minor}`, serac: ABSENT },
    { because: 'not offered yet', request: `GET /v${minor}/*`, field: STATUS, glance: 200, serac: 300 },
  ]),
  { because: 'not offered yet', field: 'headers.openstack-image-import-methods', serac: ABSENT },
  { because: 'not offered yet', field: 'headers.openstack-image-store-ids', serac: ABSENT },
  { because: 'not offered yet', field: 'body*.stores', serac: ABSENT },
  { because: 'dead end', request: 'GET /v2', field: STATUS, glance: 302, serac: 404 },
  {
    because: 'dead end',
    in: 'versions/by media type at paths*',
    request: 'GET /',
    field: STATUS,
    glance: 404,
    serac: 300,
  },
  { because: 'path', request: '* /v2//images', field: STATUS, serac: 404 },
  { because: 'path', in: 'tags/a%2Fb', field: '*' },
  { because: 'path', in: 'patch/body/a slash alone', field: '*' },
  { because: 'path', in: 'patch/body/two slashes', field: '*' },
  { because: 'framing', in: 'routing/body/*', field: STATUS, serac: 400 },
  { because: 'no project', in: 'identity/no project', field: STATUS, serac: 403 },
  {
    because: 'no project',
    in: 'life/*/by projectless',
    request: 'GET /v2/images?*',
    field: STATUS,
    glance: 200,
    serac: 403,
  },
  {
    because: 'read-only',
    in: 'create/by the service alone/os_hash_*',
    field: STATUS,
    glance: 201,
    serac: 403,
  },
  { because: 'read-only', in: 'patch 2*/target stores', field: STATUS },
  { because: 'order', in: 'create/by the service alone/deleted', field: STATUS, glance: 400, serac: 403 },
  ...[
    { glance: 409, serac: 403 },
    { glance: 409, serac: 400 },
    { glance: 400, serac: 403 },
    { glance: 403, serac: 400 },
  ].map((statuses): WantedDifference => ({
    because: 'order',
    in: 'generated/patches *',
    field: STATUS,
    ...statuses,
  })),
  {
    because: 'unicode',
    in: 'create/a name beyond the plane',
    request: 'POST *',
    field: STATUS,
    glance: 400,
    serac: 201,
  },
  {
    because: 'unicode',
    in: 'create/a name beyond the plane',
    request: 'GET *',
    field: STATUS,
    glance: 404,
    serac: 200,
  },
  { because: 'letters', in: 'create/an id in capitals', field: '*' },
  { because: 'letters', in: '*/an id in capitals', request: 'GET *', field: STATUS, glance: 404, serac: 200 },
  { because: 'letters', in: 'delete/in capitals', field: STATUS },
  { because: 'letters', in: "patch/type/'APPLICATION/*", field: STATUS, glance: 415, serac: 200 },
  { because: 'letters', in: "data/type 'Application/Octet-Stream'", field: '*' },
  { because: 'column', in: 'patch/body/a long name', field: '*' },
  { because: 'column', in: 'members/adding a longer name', field: '*' },
  { because: 'no owner', in: 'patch/the owner, by the admin', field: 'body.owner', glance: '', serac: null },
  { because: 'prototype', in: 'patch/a field of the record by a name of its own', field: '*' },
  { because: 'range', in: "data/range 'bytes=-0'", field: STATUS, glance: 206, serac: 416 },
  { because: 'range', in: 'data/an empty part of an empty image', field: STATUS, glance: 206, serac: 416 },
  { because: 'encoding', in: 'tags/%C3%A4', field: '*' },
  {
    because: 'room',
    in: 'quotas/all that a project may have',
    request: 'PUT *{fourth}*',
    field: STATUS,
    glance: 413,
  },
  { because: 'preflight', in: 'cors/OPTIONS elsewhere', field: 'headers.content-type', serac: ABSENT },
  { because: 'preflight', in: 'cors/OPTIONS elsewhere', field: 'body', serac: '' },
  { because: 'hiding', in: 'list/marker={hidden}', field: STATUS, glance: 403, serac: 400 },
  { because: 'repeated', in: 'list/limit=3&limit=4', field: 'body.*' },
  { because: 'repeated', in: 'list/sort=name:asc&sort=id:desc&limit=5', field: 'body.*' },
  ...['sort_key', 'name', 'tag', 'created_at'].flatMap((name): WantedDifference[] =>
    ['first', 'next'].map((link) => ({
      because: 'repeated',
      in: `list/${name}=*&${name}=*`,
      field: `body.${link}`,
    })),
  ),
  { because: 'paging', in: 'walk/by size, of which most have none', field: 'body.*' },
  { because: 'quotes', in: 'list/name=in:%22a%5C%22b%22', field: 'body.*' },
  { because: 'server error', in: 'list/nothing_m*=1', field: STATUS, glance: 500, serac: 400 },
  { because: 'server error', in: 'list/_min=1', field: STATUS, glance: 500, serac: 200 },
  { because: 'server error', in: 'list/locations=x', field: STATUS, glance: 500, serac: 400 },
  { because: 'server error', in: 'list/members=x', field: STATUS, glance: 500, serac: 400 },
  { because: 'server error', in: 'list/properties=x', field: STATUS, glance: 500, serac: 400 },
  { because: 'numbers', in: 'list/limit=%203', field: STATUS, glance: 200, serac: 400 },
  ...['size=x', 'size=', 'min_disk=x', 'name_min=1', 'created_at_min=1'].map((query): WantedDifference => ({
    because: 'numbers',
    in: `list/${query}`,
    field: STATUS,
    glance: 200,
    serac: 400,
  })),
  { because: 'numbers', in: 'list/visibility=', field: STATUS, glance: 200, serac: 400 },
  { because: 'no project', in: 'list/as projectless*', field: STATUS, glance: 200, serac: 403 },
  { because: 'younger', field: 'body.versions.v2.17', glance: ABSENT },
  { because: 'younger', in: 'data/size/*', field: '*' },
  { because: 'type', in: 'members/adding a number', field: '*' },
  { because: 'set', in: 'quotas/more tags that are alike', field: STATUS, glance: 413, serac: 201 },
]
