/**
 * Serves the operator page: files that the build has made (deploy/bundle.ts), read once. They hold no secret and need no
 * token; what they show is asked for like everything else. Nothing of it comes from elsewhere, and the policy says so.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'

interface PageFile {
  body: Buffer
  type: string
  etag: string
}

/** By path. */
export type PageFiles = ReadonlyMap<string, PageFile>

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}
/** Everything is a file of this server; no inline script or style, no frame, nowhere to send a form. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
const SAFE_HEADERS = {
  'content-security-policy': CONTENT_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
const INDEX = 'index.html'
/** Made by the build: the sources of the page are in a directory of the same name. */
const SCRIPT = 'page.js'

/** The built page; empty when it was not built: then only the JSON is there. */
export async function loadPage(directory: string | null = findPage(import.meta.url)): Promise<PageFiles> {
  if (directory === null) return new Map()
  const files = new Map<string, PageFile>()
  for (const name of await readdir(directory)) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const body = await readFile(join(directory, name))
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`
    files.set(name === INDEX ? '/' : `/page/${name}`, { body, type, etag })
  }
  return files
}

/** On every answer of the operator port. */
export function addSafeHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(SAFE_HEADERS)
    done()
  })
}

export function pageRoutes(app: FastifyInstance, files: PageFiles): void {
  const send = (request: FastifyRequest, reply: FastifyReply) => {
    const file = files.get(request.url.split('?')[0] ?? '')
    if (!file) throw new ImageError('NOT_FOUND', 'The page was not built: "npm run build" makes it.')
    // The name of a file says nothing of its release, so browsers ask each time.
    reply.headers({ etag: file.etag, 'cache-control': 'no-cache' })
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
    return reply.type(file.type).send(file.body)
  }
  app.get('/', { config: { isPublic: true } }, send)
  for (const path of files.keys()) if (path !== '/') app.get(path, { config: { isPublic: true } }, send)
}

/** dist/page, wherever this module runs from: dist/bin, dist/api/status, or the sources. */
function findPage(from: string): string | null {
  for (let directory = dirname(fileURLToPath(from)); ; directory = dirname(directory)) {
    for (const place of ['page', 'dist/page'])
      if (existsSync(join(directory, place, SCRIPT))) return join(directory, place)
    if (directory === dirname(directory)) return null
  }
}
