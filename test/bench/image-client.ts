/** The clients of the data benchmark: curl for uploads, sockets of our own for the rest. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { discard } from './discarding-client.ts'
import { HttpConnection, requestBytes } from './http-connection.ts'

const run = promisify(execFile)
const JSON_TYPE = { 'content-type': 'application/json' }
const DATA_TYPE = { 'content-type': 'application/octet-stream' }

export function newImageRequest(): Buffer {
  const body = { name: 'bench', disk_format: 'raw', container_format: 'bare' }
  return requestBytes('POST', '/v2/images', JSON_TYPE, JSON.stringify(body))
}

/** Sends a request and throws unless it is answered with `status`: a wrong answer has no speed. */
export async function ask(connection: HttpConnection, request: Buffer, status: number): Promise<Buffer> {
  const answer = await connection.send(request)
  if (answer.status === status) return answer.body
  throw new Error(`answered ${answer.status}: ${answer.body.toString('utf8', 0, 300)}`)
}

/** Each on a connection of its own, so that no server counts idle ones. */
export async function askOnce(port: number, request: Buffer, status: number): Promise<Buffer> {
  const connection = await HttpConnection.open(port)
  try {
    return await ask(connection, request, status)
  } finally {
    connection.close()
  }
}

export async function createImage(port: number): Promise<string> {
  return idIn(await askOnce(port, newImageRequest(), 201))
}

export function deleteImage(port: number, id: string): Promise<Buffer> {
  return askOnce(port, requestBytes('DELETE', `/v2/images/${id}`), 204)
}

/** Create, upload, delete. */
export async function smallCycle(connection: HttpConnection, content: Buffer): Promise<void> {
  const id = idIn(await ask(connection, newImageRequest(), 201))
  await ask(connection, requestBytes('PUT', `/v2/images/${id}/file`, DATA_TYPE, content), 204)
  await ask(connection, requestBytes('DELETE', `/v2/images/${id}`), 204)
}

export async function uploadFile(port: number, id: string, file: string): Promise<void> {
  const header = 'content-type: application/octet-stream'
  await curl('204', ['-H', header, '-H', 'expect:', '-T', file, `http://127.0.0.1:${port}${dataPath(id)}`])
}

/** To nowhere. */
export function download(port: number, id: string): Promise<void> {
  return discard(port, dataPath(id), 200)
}

async function curl(status: string, args: readonly string[]): Promise<void> {
  const { stdout } = await run('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', ...args])
  if (stdout !== status) throw new Error(`curl ${args.at(-1)} was answered ${stdout}`)
}

function dataPath(id: string): string {
  return `/v2/images/${id}/file`
}

function idIn(body: Buffer): string {
  return (JSON.parse(body.toString()) as { id: string }).id
}
