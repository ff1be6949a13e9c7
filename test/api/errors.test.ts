import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { renderError } from '../../api/error-body.ts'
import { describeError, HttpError, OUTCOMES } from '../../api/errors.ts'
import { ClusterError } from '../../cluster/errors.ts'
import { IMAGE_ERROR_CODES, ImageError } from '../../node/errors.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

t.test('every code of the service and of the cluster has a status', async (t) => {
  const source = await readFile(join(PROJECT_ROOT, 'cluster/errors.ts'), 'utf8')
  const union = source.slice(source.indexOf('type ClusterErrorCode'), source.indexOf('class SeracError'))
  const clusterCodes = [...union.matchAll(/\| '([A-Z_]+)'/g)].map(([, code]) => code ?? '')
  t.ok(clusterCodes.length >= 19, 'the codes were found in the source')
  for (const code of [...IMAGE_ERROR_CODES, ...clusterCodes]) t.ok(Object.hasOwn(OUTCOMES, code), code)
})

t.test('what passes by itself is a 503 with Retry-After', async (t) => {
  const passing = [
    'NO_QUORUM',
    'OUTCOME_UNKNOWN',
    'STORE_NOT_WRITABLE',
    'TOO_FEW_COPIES',
    'CHUNK_UNAVAILABLE',
    'PEER_UNREACHABLE',
    'PEER_BUSY',
    'RPC_TIMEOUT',
    'STOPPING',
    'NOT_VOTING',
    'CORRUPT_VALUE',
    'CHUNK_MISSING',
    'CHUNK_DAMAGED',
    'UNKNOWN_OPERATION',
    'BAD_FRAME',
  ] as const
  for (const code of passing) {
    const answer = describeError(new ClusterError(code, 'peer 12D3Koo at /data/seg/7'))
    t.match(answer, { status: 503, headers: { 'retry-after': /^\d+$/ } }, code)
    t.notMatch(answer.message, /12D3Koo|seg/, 'nothing of the inside is told')
  }
  t.equal(describeError(new ClusterError('STORE_FULL', 'x')).status, 413)
  t.equal(describeError(new ClusterError('VALUE_TOO_LARGE', 'x')).status, 413)
})

t.test('messages of the image service reach the caller', async (t) => {
  t.same(describeError(new ImageError('GONE', 'It was deleted.')), {
    status: 410,
    message: 'It was deleted.',
    headers: {},
    json: null,
  })
  t.match(describeError(new ImageError('UNAVAILABLE', 'Later.')), { status: 503, message: 'Later.' })
})

t.test('anything else is a 500 without its message', async (t) => {
  for (const error of [
    new Error('secret'),
    new ClusterError('FOREIGN_CLUSTER', 'secret'),
    'secret',
    null,
    undefined,
  ]) {
    const { status, message } = describeError(error)
    t.equal(status, 500)
    t.notMatch(message, /secret/)
  }
})

t.test('a refusal of the web server keeps its 4xx, and only that', async (t) => {
  t.equal(describeError(Object.assign(new Error('x'), { statusCode: 400 })).status, 400)
  t.equal(describeError(Object.assign(new Error('x'), { statusCode: 503 })).status, 500)
  t.equal(describeError(Object.assign(new Error('x'), { statusCode: 'x' })).status, 500)
})

t.test('headers of an HTTP error are kept', async (t) => {
  const answer = describeError(new HttpError('METHOD_NOT_ALLOWED', 'no', { allow: 'GET' }))
  t.same(answer, { status: 405, message: 'no', headers: { allow: 'GET' }, json: null })
})

t.test('titles are those of Glance', async (t) => {
  const text = (status: number) => renderError('text/plain', status, 'x').body.toString()
  t.equal(text(413), '413 Request Entity Too Large\n\nx\n')
  t.equal(text(416), '416 Request Range Not Satisfiable\n\nx\n')
})

t.test('bodies by Accept', async (t) => {
  const render = (accept?: string) => {
    const { contentType, body } = renderError(accept, 404, 'No <b>image</b> & co.')
    return { contentType, text: body.toString() }
  }
  for (const accept of ['*/*', 'text/html', 'text/*;q=0.5', 'application/json;q=0.5, text/html']) {
    const { contentType, text } = render(accept)
    t.equal(contentType, 'text/html; charset=UTF-8', accept)
    t.match(text, '<title>404 Not Found</title>')
    t.match(text, '<h1>404 Not Found</h1>')
    t.match(text, 'No &lt;b&gt;image&lt;/b&gt; &amp; co.<br /><br />')
  }
  for (const accept of ['application/json', 'application/json, text/html;q=0.9', 'application/*']) {
    const { contentType, text } = render(accept)
    t.equal(contentType, 'application/json', accept)
    t.same(JSON.parse(text), {
      message: 'No <b>image</b> & co.<br /><br />\n\n\n',
      code: '404 Not Found',
      title: 'Not Found',
    })
  }
  for (const accept of [undefined, '', 'text/plain', 'image/png', 'garbage']) {
    const { contentType, text } = render(accept)
    t.equal(contentType, 'text/plain; charset=UTF-8', accept ?? 'absent')
    t.equal(text, '404 Not Found\n\nNo <b>image</b> & co.\n')
  }
})
