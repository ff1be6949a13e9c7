/** A request as it goes over the wire, whether it is HTTP or not. */

/** How the body is announced, and what of it comes. */
export type Framing =
  | { kind: 'none' }
  /** Content-Length, off by so many bytes. */
  | { kind: 'length'; offBy: number }
  /** A Content-Length as it is written. */
  | { kind: 'announced'; length: string }
  | { kind: 'chunked'; sizes: number[]; extension: string; end: string }
  /** Chunks of no form, as they are written. */
  | { kind: 'raw-chunks'; text: string }
  | { kind: 'both' }

export interface NastyRequest {
  method: string
  /** `:active` and `:queued` stand for the ids of images. */
  target: string
  version: string
  headers: readonly (readonly [name: string, value: string])[]
  body: Buffer
  framing: Framing
  /** Bytes put in place of others, where these shares of the whole are. */
  mutations: readonly (readonly [at: number, byte: number])[]
  /** Only this share of it is sent. */
  sent: number
  /** Sent in two pieces, cut at this share. */
  cut: number
  /** Whether it is HTTP, and an answer is due. */
  isWhole: boolean
}

/** What goes over the wire, in the pieces in which it is sent. */
export function encode(request: NastyRequest, ids: { active: string; queued: string }): Buffer[] {
  const { method: verbatim, version, headers: own, body: content, framing: form } = request
  const where = request.target.replaceAll(':active', ids.active).replaceAll(':queued', ids.queued)
  const lines = [`${verbatim} ${where} ${version}`]
  for (const [name, value] of [...own, ...framingHeaders(form, content.length)])
    lines.push(`${name}: ${value}`)
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const bytes = Buffer.concat([head, framed(form, content)])
  for (const [at, byte] of request.mutations) bytes[Math.floor(at * bytes.length)] = byte
  const sent = bytes.subarray(0, Math.ceil(request.sent * bytes.length))
  const cut = Math.ceil(request.cut * sent.length)
  return [sent.subarray(0, cut), sent.subarray(cut)].filter((piece) => piece.length > 0)
}

function framingHeaders(form: Framing, length: number): [string, string][] {
  const byLength: [string, string] = ['Content-Length', String(length)]
  const byChunks: [string, string] = ['Transfer-Encoding', 'chunked']
  switch (form.kind) {
    case 'none':
      return []
    case 'length':
      return [['Content-Length', String(length + form.offBy)]]
    case 'announced':
      return [['Content-Length', form.length]]
    case 'chunked':
    case 'raw-chunks':
      return [byChunks]
    case 'both':
      return [byLength, byChunks]
  }
}

function framed(form: Framing, content: Buffer): Buffer {
  if (form.kind === 'raw-chunks') return Buffer.from(form.text, 'latin1')
  if (form.kind !== 'chunked') return content
  const pieces: Buffer[] = []
  const put = (piece: Buffer) => {
    if (piece.length === 0) return
    const size = `${piece.length.toString(16)}${form.extension}\r\n`
    pieces.push(Buffer.from(size, 'latin1'), piece, Buffer.from('\r\n'))
  }
  let at = 0
  for (const size of form.sizes) {
    put(content.subarray(at, at + size))
    at += size
  }
  put(content.subarray(at))
  return Buffer.concat([...pieces, Buffer.from(form.end)])
}
