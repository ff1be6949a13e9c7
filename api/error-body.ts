/**
 * Error bodies as Glance writes them. glanceclient takes each top-level value of a JSON error apart and crashes on a
 * number, so JSON goes only to those who asked for it: HTML to everybody (`*` or text/html), plain text to the rest.
 */
import { STATUS_CODES } from 'node:http'
import { chooseMediaType } from './negotiation.ts'

export interface RenderedBody {
  contentType: string
  body: Buffer
}

/** An error body of the one form that was asked for nowhere, but that clients know. */
export function renderJson(json: object): RenderedBody {
  return { contentType: 'application/json', body: Buffer.from(JSON.stringify(json)) }
}

/** Where Glance's clients know another name than RFC 9110 has. */
const TITLES: Readonly<Record<number, string>> = {
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  416: 'Request Range Not Satisfiable',
}

/** The body of an error answer. `message` is text; it is escaped where the form needs it. */
export function renderError(accept: string | undefined, status: number, message: string): RenderedBody {
  const title = TITLES[status] ?? STATUS_CODES[status] ?? 'Error'
  const code = `${status} ${title}`
  const mediaType = chooseMediaType(accept, ['text/html', 'application/json'])
  if (mediaType === 'text/html') {
    return { contentType: 'text/html; charset=UTF-8', body: Buffer.from(htmlBody(code, message)) }
  }
  if (mediaType === 'application/json') {
    const json = JSON.stringify({ message: `${message}<br /><br />\n\n\n`, code, title })
    return { contentType: mediaType, body: Buffer.from(json) }
  }
  return { contentType: 'text/plain; charset=UTF-8', body: Buffer.from(`${code}\n\n${message}\n`) }
}

function htmlBody(code: string, message: string): string {
  return `<html>
 <head>
  <title>${code}</title>
 </head>
 <body>
  <h1>${code}</h1>
  ${escapeHtml(message)}<br /><br />



 </body>
</html>`
}

const HTML_ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** `text` as it may stand in HTML, also inside quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML_ENTITIES[character] ?? '')
}
