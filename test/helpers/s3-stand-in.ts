/** As much of S3 as an image store asks for, in memory: signatures and digests of bodies are checked as the real one does. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Test } from 'tap'
import type { S3BackendOptions } from '../../node/backends/s3-backend.ts'
import { ranged, StandIn, type LocalAnswer } from './local-server.ts'

export const ACCESS_KEY = 'access'
export const SECRET_KEY = 'a secret'
export const REGION = 'us-east-1'
/** Small, so that few bytes are many parts. */
export const S3_PART_BYTES = 4096

/** Of a bucket `images` at the stand-in that listens at `endpoint`. */
export function s3StandInOptions(
  id: string,
  endpoint: string,
  options: Partial<S3BackendOptions>,
): S3BackendOptions {
  return {
    id,
    endpoint,
    region: REGION,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    bucket: 'images',
    createBucket: false,
    style: 'path',
    partBytes: S3_PART_BYTES,
    ca: null,
    ...options,
  }
}
const PART_BYTES_MIN = 1024
const LISTED_MAX = 2
const TOKEN = 'a&b=+/'

export class S3StandIn extends StandIn {
  readonly objects = new Map<string, Buffer>()
  readonly buckets = new Set<string>()
  /** Parts by the id of their upload. */
  readonly uploads = new Map<string, { key: string; parts: Map<number, Buffer> }>()

  static async start(t: Test, buckets: readonly string[] = ['images']): Promise<S3StandIn> {
    const standIn = new S3StandIn()
    await standIn.listen(t)
    for (const bucket of buckets) standIn.buckets.add(bucket)
    return standIn
  }

  protected override answer(request: IncomingMessage, url: URL, body: Buffer): LocalAnswer {
    if (!isSigned(request, url)) return { status: 403, body: '<Code>SignatureDoesNotMatch</Code>' }
    if (request.headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex'))
      return { status: 400, body: '<Code>XAmzContentSHA256Mismatch</Code>' }
    const [, bucket = '', ...path] = url.pathname.split('/')
    const key = path.join('/')
    if (key === '') return this.#onBucket(request.method ?? '', bucket, url)
    if (!this.buckets.has(bucket)) return { status: 404, body: '<Code>NoSuchBucket</Code>' }
    return this.#onObject(request, key, url.searchParams, body)
  }

  #onBucket(method: string, bucket: string, { searchParams }: URL): LocalAnswer {
    if (method === 'PUT') {
      this.buckets.add(bucket)
      return { status: 200 }
    }
    if (!this.buckets.has(bucket)) return { status: 404 }
    if (method === 'HEAD') return { status: 200 }
    const prefix = searchParams.get('prefix') ?? ''
    if (searchParams.get('list-type') === '2')
      return this.#list(prefix, searchParams.get('continuation-token'))
    const found = [...this.uploads].filter(([, { key }]) => key.startsWith(prefix))
    const list = found.map(([id, { key }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`)
    return { status: 200, body: `<ListMultipartUploadsResult>${list.join('')}</ListMultipartUploadsResult>` }
  }

  /** Two at a time, and its tokens are in need of care. */
  #list(prefix: string, token: string | null): LocalAnswer {
    const names = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
    const begin = token === null ? 0 : Number(token.slice(TOKEN.length))
    const page = names.slice(begin, begin + LISTED_MAX).map((key) => {
      return `<Contents><Key>${inXml(key)}</Key><Size>${this.objects.get(key)!.length}</Size></Contents>`
    })
    const next = begin + LISTED_MAX
    const more = `<NextContinuationToken>${inXml(`${TOKEN}${next}`)}</NextContinuationToken>`
    const body = `<ListBucketResult>${page.join('')}${next < names.length ? more : ''}</ListBucketResult>`
    return { status: 200, body }
  }

  #onObject(request: IncomingMessage, key: string, query: URLSearchParams, body: Buffer): LocalAnswer {
    const uploadId = query.get('uploadId')
    if (uploadId !== null) return this.#onUpload(request.method ?? '', uploadId, query, body)
    switch (request.method ?? '') {
      case 'POST': {
        const id = `upload-${this.calls.length}`
        this.uploads.set(id, { key, parts: new Map() })
        return {
          status: 200,
          body: `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
        }
      }
      case 'PUT':
        this.objects.set(key, body)
        return { status: 200 }
      case 'DELETE':
        this.objects.delete(key)
        return { status: 204 }
      default: {
        const bytes = this.objects.get(key)
        if (bytes && request.method === 'HEAD')
          return { status: 200, headers: { 'content-length': String(bytes.length) } }
        return bytes ? ranged(bytes, request.headers.range) : { status: 404 }
      }
    }
  }

  #onUpload(method: string, id: string, query: URLSearchParams, body: Buffer): LocalAnswer {
    const upload = this.uploads.get(id)
    if (!upload) return { status: 404, body: '<Code>NoSuchUpload</Code>' }
    if (method === 'PUT') {
      upload.parts.set(Number(query.get('partNumber')), body)
      return { status: 200, headers: { etag: `"${md5(body)}"` } }
    }
    this.uploads.delete(id)
    if (method === 'DELETE') return { status: 204 }
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>"?(\w+)"?<\/ETag>/g)]
    const parts = named.map(([, number, tag]) => ({ bytes: upload.parts.get(Number(number)), tag }))
    // As S3 does it: such an answer has the status 200.
    if (parts.some(({ bytes, tag }) => !bytes || md5(bytes) !== tag))
      return { status: 200, body: '<Error><Code>InvalidPart</Code></Error>' }
    if (parts.slice(0, -1).some(({ bytes }) => bytes!.length < PART_BYTES_MIN))
      return { status: 400, body: '<Code>EntityTooSmall</Code>' }
    this.objects.set(upload.key, Buffer.concat(parts.map(({ bytes }) => bytes!)))
    return { status: 200, body: '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>' }
  }
}

function inXml(text: string): string {
  return text.replaceAll('&', '&amp;')
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** Signature Version 4, from its specification. */
function isSigned({ method, headers }: IncomingMessage, url: URL): boolean {
  const [, scope = '', names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=access\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
      headers.authorization ?? '',
    ) ?? []
  const query = [...url.searchParams]
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .sort()
  const canonical = [
    method,
    url.pathname,
    query.join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    names,
    headers['x-amz-content-sha256'],
  ].join('\n')
  const [date = '', region = '', service = '', end = ''] = scope.split('/')
  const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const key = mac(mac(mac(mac(`AWS4${SECRET_KEY}`, date), region), service), end)
  const hashed = createHash('sha256').update(canonical).digest('hex')
  const wanted = mac(key, ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hashed].join('\n'))
  return (
    region === REGION &&
    service === 's3' &&
    names.split(';').includes('host') &&
    wanted.toString('hex') === signature
  )
}
