/** `/v2/info/usage`, here of a service without Keystone's limits: behind-haproxy/limits.ts has them. */
import { cases, createRaw, get, request, upload } from '../case.ts'

export default cases('usage', {
  'without limits': [createRaw(), upload('abc'), get('/v2/info/usage')],
  'for the admin': [get('/v2/info/usage', { as: 'admin' })],
  'for readers': [get('/v2/info/usage', { as: 'reader' })],
  'for nobody': [get('/v2/info/usage', { as: 'nobody' })],
  'with a body': [get('/v2/info/usage', { body: '{}' })],
  'by a version': [get('/v2.6/info/usage')],
  ...Object.fromEntries(
    ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'].map((method) => [
      `by ${method}`,
      [request(method, '/v2/info/usage')],
    ]),
  ),
  'with a slash behind it': [get('/v2/info/usage/')],
  'without a name': [get('/v2/info')],
})
