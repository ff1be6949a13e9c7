/** A server with files for images whose bytes lie elsewhere, for both servers alike. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

const FILE = /^\/(\d{1,6})\b/

/** Where some paths lead. */
const LEADING: Readonly<Record<string, readonly [status: number, location: string]>> = {
  '/moved': [301, '{here}/5'],
  '/found': [302, '{here}/5'],
  '/other': [307, '{here}/5'],
  '/path': [302, '/5'],
  '/circle': [302, '{here}/circle'],
  '/file': [302, 'file:///etc/passwd'],
}

/** Runs until `t` ends; answers its URL. `/SIZE...` is a file of so many bytes, `/gone` is none. */
export async function startMirror(t: Test): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function answer({ url = '', method, headers }: IncomingMessage, response: ServerResponse): void {
  const led = LEADING[url]
  if (led) {
    const [status, path] = led
    const location = path.replace('{here}', `http://${headers.host}`)
    return void response.writeHead(status, { location, 'content-length': 0 }).end()
  }
  if (url === '/unmeasured') return void response.writeHead(200).end(method === 'HEAD' ? null : 'bytes')
  const size = FILE.exec(url)?.[1]
  if (size === undefined) return void response.writeHead(404, { 'content-length': 0 }).end()
  const bytes = Buffer.alloc(Number(size), 'mirrored ')
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  const end = last === '' ? bytes.length - 1 : Number(last)
  const isPart = headers.range !== undefined
  const part = bytes.subarray(Number(first), end + 1)
  response.writeHead(isPart ? 206 : 200, {
    'content-length': part.length,
    ...(isPart && { 'content-range': `bytes ${first}-${end}/${bytes.length}` }),
  })
  response.end(method === 'HEAD' ? null : part)
}
