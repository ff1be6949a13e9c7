/** A server with files for images whose bytes lie elsewhere, for both servers alike. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

const FILE = /^\/(\d{1,6})\b/

/** Images of the image service of another region, below `/remote`. */
export const REMOTE = {
  active: '00000000-0000-4000-8000-00000000a001',
  queued: '00000000-0000-4000-8000-00000000a002',
  longer: '00000000-0000-4000-8000-00000000a003',
  shorter: '00000000-0000-4000-8000-00000000a004',
  absent: '00000000-0000-4000-8000-00000000a005',
} as const
const REMOTE_PATH = /^\/remote\/v2\/images\/([\da-f-]{36})(\/file)?$/
const REMOTE_BYTES = 1024
/** By which the lengths of two of them are not what is said. */
const LIE_BYTES = 5

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
  const [, remoteId, isFile] = REMOTE_PATH.exec(url) ?? []
  if (remoteId !== undefined) return answerOf(remoteId, isFile !== undefined, response)
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

function answerOf(id: string, isFile: boolean, response: ServerResponse): void {
  if (id === REMOTE.absent) return void response.writeHead(404, { 'content-length': 0 }).end()
  const lie = id === REMOTE.longer ? LIE_BYTES : id === REMOTE.shorter ? -LIE_BYTES : 0
  const bytes = Buffer.alloc(REMOTE_BYTES + lie, 'from afar ')
  if (isFile) return void response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
  const image = {
    ...{ id, name: 'afar', status: id === REMOTE.queued ? 'queued' : 'active', size: REMOTE_BYTES },
    ...{ disk_format: 'raw', container_format: 'bare', visibility: 'private', tags: ['far'] },
    ...{ hw_disk_bus: 'scsi', os_distro: 'debian', os_type: 'linux', colour: 'red', description: 'far away' },
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(image))
}
