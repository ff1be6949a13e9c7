/** Pages of other origins. */
import { cases, create, get, request } from '../case.ts'

/** The page that both servers know. */
export const ALLOWED_ORIGIN = 'https://horizon.example'

const preflight = (headers: Record<string, string>) =>
  request('OPTIONS', '/v2/images', { as: 'nobody', headers })
const origin = ALLOWED_ORIGIN

export default cases('cors', {
  'a page that is known': [get('/v2/images?owner=x', { headers: { origin } })],
  'a page that is not': [get('/v2/images?owner=x', { headers: { origin: 'https://evil.example' } })],
  'a page in other letters': [get('/v2/images?owner=x', { headers: { origin: 'https://Horizon.example' } })],
  'an error': [
    get('/v2/images/x', { headers: { origin } }),
    get('/v2/images', { as: 'nobody', headers: { origin } }),
  ],
  'the versions': [get('/', { as: 'nobody', headers: { origin } })],
  health: [get('/healthcheck', { as: 'nobody', headers: { origin } })],
  'a creation': [create({}, { headers: { origin, 'content-type': 'application/json' } })],
  'OPTIONS of no page': [preflight({})],
  'OPTIONS of a page that asks nothing': [preflight({ origin })],
  'OPTIONS of a page that is not known': [
    preflight({ origin: 'https://evil.example', 'access-control-request-method': 'GET' }),
  ],
  ...Object.fromEntries(
    ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'get'].map((method) => [
      `to ask for ${method}`,
      [preflight({ origin, 'access-control-request-method': method })],
    ]),
  ),
  ...Object.fromEntries(
    [
      'X-Auth-Token',
      'x-auth-token,content-type',
      'X-Roles, X-User-Id',
      'X-Evil',
      '',
      'Content-Type, X-Evil',
    ].map((names) => [
      `to send '${names}'`,
      [
        preflight({
          origin,
          'access-control-request-method': 'GET',
          'access-control-request-headers': names,
        }),
      ],
    ]),
  ),
  'OPTIONS elsewhere': ['/', '/versions', '/healthcheck', '/v2/nothing', '/v2/images/x/file'].map((path) =>
    request('OPTIONS', path, { as: 'nobody', headers: { origin, 'access-control-request-method': 'GET' } }),
  ),
})
