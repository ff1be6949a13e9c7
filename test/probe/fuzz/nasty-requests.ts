/** Requests as nobody should send them: HTTP in good form with bad content, and what is hardly HTTP any more. */
import fc from 'fast-check'
import type { Setting } from '../../../deploy/dev/node-config.ts'
import {
  method,
  image,
  target,
  query,
  contentType,
  headerName,
  headerValue,
  headers,
  imageFields,
  patch,
  memberBody,
  locationBody,
  definitionBody,
  definitionPath,
  body,
  bodyBytes,
  anyByte,
  DATA_TYPE,
  PATCH_TYPES,
} from './nasty-content.ts'
import type { Framing, NastyRequest } from './wire-form.ts'

/** What the nodes need, so that everything that is sent is looked at. */
export const V2_SETTINGS: readonly Setting[] = [
  { section: 'DEFAULT', name: 'show_multiple_locations', value: 'true' },
  { section: 'glance_store', name: 'stores', value: 'cluster,http' },
]

const framing: fc.Arbitrary<Framing> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ kind: 'length', offBy: 0 } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'none' } as const) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: -5, max: 5000 }).map((offBy) => ({ kind: 'length', offBy }) as const),
  },
  { weight: 1, arbitrary: headerValue.map((length) => ({ kind: 'announced', length }) as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('chunked' as const),
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
      extension: fc.oneof(
        fc.constant(''),
        anyByte.map((text) => `;${text}`),
      ),
      end: fc.constantFrom(
        '0\r\n\r\n',
        '0\r\nTrailer: x\r\n\r\n',
        '',
        '0\r\n',
        '00000\r\n\r\n',
        '0\r\nx\r\n\r\n',
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        anyByte,
        fc.constantFrom(
          '-1\r\n',
          'ffffffffffffffffff\r\n',
          '5\r\nab\r\n',
          '2\r\nabc',
          '2\nab\n0\n\n',
          '0x2\r\nab\r\n',
        ),
      )
      .map((text) => ({ kind: 'raw-chunks', text }) as const),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'both' } as const) },
)

/** HTTP of no good form, in one way or several. */
const wildRequest: fc.Arbitrary<NastyRequest> = fc.record({
  method,
  target,
  version: fc.oneof(
    { weight: 19, arbitrary: fc.constant('HTTP/1.1') },
    { weight: 1, arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', '', 'http/1.1') },
  ),
  headers: fc.tuple(contentType, headers).map(([type, more]) => [...always(type), ...more]),
  body: bodyBytes,
  framing,
  mutations: fc.array(fc.tuple(share(), fc.nat(255)), { maxLength: 2 }),
  sent: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: share() }),
  cut: share(),
  isWhole: fc.constant(false),
})

/** HTTP as it should be; what is in it is for the API to refuse. */
const formalRequest: fc.Arbitrary<NastyRequest> = fc
  .record({
    call: fc.oneof(
      { weight: 3, arbitrary: callOf('POST', fc.constant('/v2/images'), imageFields) },
      {
        weight: 5,
        arbitrary: fc.constantFrom(...PATCH_TYPES).chain((type) => callOf('PATCH', image, patch, type)),
      },
      {
        weight: 2,
        arbitrary: callOf(
          'PUT',
          image.map((path) => `${path}/file`),
          body,
          DATA_TYPE,
        ),
      },
      {
        weight: 2,
        arbitrary: callOf(
          'POST',
          image.map((path) => `${path}/members`),
          memberBody,
        ),
      },
      {
        weight: 1,
        arbitrary: callOf(
          'PUT',
          image.map((path) => `${path}/members/p`),
          memberBody,
        ),
      },
      {
        weight: 1,
        arbitrary: callOf(
          'POST',
          image.map((path) => `${path}/locations`),
          locationBody,
        ),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom('POST', 'POST', 'PUT', 'GET', 'DELETE'), definitionPath, definitionBody)
          .map(([verb, where, text]) => call(verb, where, verb === 'GET' || verb === 'DELETE' ? '' : text)),
      },
      {
        weight: 4,
        arbitrary: callOf(
          'GET',
          query.map((text) => `/v2/images?${text}`),
          fc.constant(''),
        ),
      },
      {
        weight: 3,
        arbitrary: fc.tuple(method, target, body).map(([verb, where, text]) => call(verb, where, text)),
      },
    ),
    headers: fc.array(fc.tuple(headerName, headerValue), { maxLength: 1 }),
    framing: fc.oneof(
      fc.constant<Framing>({ kind: 'length', offBy: 0 }),
      fc
        .array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 })
        .map((sizes): Framing => ({ kind: 'chunked', sizes, extension: '', end: '0\r\n\r\n' })),
    ),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: share() }),
  })
  .map(({ call: { type, ...rest }, headers: more, framing: form, cut }) => ({
    ...rest,
    version: 'HTTP/1.1',
    headers: [...always(type), ...more.map(([name, value]) => printable(name, value))],
    // An empty body that is announced would be refused before anything else is looked at.
    framing: rest.body.length === 0 ? { kind: 'none' } : form,
    mutations: [],
    sent: 1,
    cut,
    isWhole: true,
  }))

export const nastyRequest: fc.Arbitrary<NastyRequest> = fc.oneof(
  { weight: 2, arbitrary: formalRequest },
  { weight: 1, arbitrary: wildRequest },
)

interface NastyCall {
  method: string
  target: string
  body: Buffer
  type: string
}

function call(verb: string, where: string, text: string, type = 'application/json'): NastyCall {
  return { method: verb, target: where, body: Buffer.from(text), type }
}

function callOf(
  verb: string,
  where: fc.Arbitrary<string>,
  text: fc.Arbitrary<string>,
  type?: string,
): fc.Arbitrary<NastyCall> {
  return fc.tuple(where, text).map(([path, content]) => call(verb, path, content, type))
}

export function always(type: string): [string, string][] {
  return [
    ['Host', 'serac.test'],
    ['Content-Type', type],
  ]
}

/** Without what no parser lets through, and without a second framing. */
export function printable(name: string, value: string): [string, string] {
  const token =
    name.replaceAll(/[^\w-]/g, '').replace(/^(content-length|transfer-encoding|host)$/i, 'x') || 'x'
  return [token, value.replaceAll(/[^\x20-\x7e\x80-\xff]/g, '')]
}

export function share(): fc.Arbitrary<number> {
  return fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
}
