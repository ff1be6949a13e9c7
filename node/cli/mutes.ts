/** `serac mute | unmute`: checks that operators know of, and that shall not count for a while. */
import type { Mute } from '../status/mutes.ts'
import type { Check, ClusterStatus } from '../status/status-types.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'

export interface MuteFlags {
  url: string
  seconds: number
  reason: string
}

/** A check by its code and, where several of that code hold, by whom it is about: an id, or how it ends. */
export interface CheckName {
  code: string
  who: string | undefined
}

/** Mutes all checks that are meant. Throws an Error with what the node said. */
export async function muteCommand(
  name: CheckName,
  { url, seconds, reason }: MuteFlags,
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(url)
  for (const { code, who } of meant(name, await client.status())) {
    const mute = (await client.send('POST', '/v1/cluster/mutes', { code, who, seconds, reason })) as Mute
    io.print(`${nameOf(mute)} is muted until ${mute.until}.\n`)
  }
  return EXIT_OK
}

export async function unmuteCommand(name: CheckName, url: string, io: CliIo): Promise<number> {
  const client = new OperatorClient(url)
  const muted = meant(name, await client.status()).filter((check) => check.muted !== null)
  if (muted.length === 0) throw new Error(`${name.code} is not muted`)
  for (const { code, who } of muted) {
    await client.send('POST', '/v1/cluster/mutes', { code, who, seconds: null })
    io.print(`${nameOf({ code, who })} is not muted any more.\n`)
  }
  return EXIT_OK
}

function meant({ code, who }: CheckName, { checks }: ClusterStatus): Pick<Check, 'code' | 'who' | 'muted'>[] {
  const ending = who?.replace(/^…/, '')
  const found = checks.filter(
    (check) =>
      check.code === code.toUpperCase() && (ending === undefined || check.who?.endsWith(ending) === true),
  )
  if (found.length > 0) return found
  const codes = [...new Set(checks.map((check) => check.code))].join(', ')
  const about = who === undefined ? '' : ` about ${who}`
  throw new Error(`there is no check ${code}${about} now, only: ${codes === '' ? 'none' : codes}`)
}

function nameOf({ code, who }: Pick<Mute, 'code' | 'who'>): string {
  return who === null ? code : `${code} of ${who}`
}
