/** The daemon's log: JSON lines by pino, or lines as oslo.log writes them. One line per entry, on stdout. */
import { type DestinationStream, pino, stdSerializers } from 'pino'
import type { Clock, Log } from '../../cluster/runtime.ts'

export interface LogOptions {
  debug: boolean
  format: 'json' | 'oslo'
}

type Fields = Record<string, unknown>

/** `sink` takes whole lines. */
export function createLog(clock: Clock, sink: DestinationStream, { debug, format }: LogOptions): Log {
  return format === 'json' ? createJsonLog(clock, sink, debug) : createOsloLog(clock, sink, debug)
}

function createJsonLog(clock: Clock, sink: DestinationStream, debug: boolean): Log {
  return pino(
    {
      level: debug ? 'debug' : 'info',
      base: { pid: process.pid },
      timestamp: isoTime(clock),
      formatters: { level: (level) => ({ level }) },
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
    },
    sink,
  )
}

/** As pino's own, but a busy node writes several lines in each millisecond, and to format a date is not for nothing. */
function isoTime(clock: Clock): () => string {
  let atMs = -1
  let field = ''
  return () => {
    const nowMs = clock.wallMs()
    if (nowMs !== atMs) field = `,"time":"${new Date(nowMs).toISOString()}"`
    atMs = nowMs
    return field
  }
}

function createOsloLog(clock: Clock, sink: DestinationStream, debug: boolean): Log {
  const write = (level: string) => (fields: object, message: string) =>
    sink.write(osloLine(clock.wallMs(), level, fields as Fields, message))
  return {
    debug: debug ? write('DEBUG') : () => {},
    info: write('INFO'),
    warn: write('WARNING'),
    error: write('ERROR'),
  }
}

/**
 * oslo.log's default: `date pid LEVEL logger [global-id request-id user project domain user-domain project-domain]
 * message`, and `[-]` outside a request.
 */
function osloLine(wallMs: number, level: string, fields: Fields, message: string): string {
  const { requestId, globalRequestId, userId, projectId, ...rest } = fields
  const context =
    requestId === undefined
      ? '-'
      : [globalRequestId, requestId, userId, projectId].map((field) => word(field ?? '-')).join(' ') +
        ' - - -'
  const facts = Object.entries(rest).map(([name, value]) => ` ${name}=${word(value)}`)
  const line = `${osloTime(wallMs)} ${process.pid} ${level} serac [${context}] ${message}${facts.join('')}`
  // A line feed in a value must not look like the next entry.
  return `${line.replaceAll(/[\r\n]+/g, ' ')}\n`
}

/** Local time, as oslo writes it: 2026-02-28 23:59:59.123 */
function osloTime(wallMs: number): string {
  const time = new Date(wallMs)
  const local = new Date(wallMs - time.getTimezoneOffset() * 60_000)
  return local.toISOString().replace('T', ' ').replace('Z', '')
}

function word(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return JSON.stringify(value.message)
  return value === undefined ? '-' : JSON.stringify(value)
}
