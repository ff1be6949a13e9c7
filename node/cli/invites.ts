/** `serac invite | invites`: leave for further nodes to join, over the operator port. */
import type { InviteDocument, KnownInvite } from '../status/cluster-admin.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import { shortId, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

const PATH = '/v1/cluster/invites'

const COLUMNS: TextColumn<KnownInvite>[] = [
  { title: 'INVITE', cell: ({ id }) => id },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'VALID UNTIL', cell: ({ expiresAt }) => expiresAt },
  { title: 'JOINED BY IT', cell: ({ usedBy }) => (usedBy === null ? '-' : shortId(usedBy)) },
]

/** Prints the token alone, so that it can be piped to the node that joins. */
export async function inviteCommand(
  url: string,
  wishes: { expiresSeconds: number; byAddresses: boolean },
  io: CliIo,
): Promise<number> {
  const invite = (await new OperatorClient(url).send('POST', PATH, wishes)) as InviteDocument
  io.print(`${invite.token}\n`)
  io.complain(
    `It lets one node join until ${invite.expiresAt}; whoever has it may use it.\n` +
      `To take it back: serac invites --revoke ${invite.id}\n`,
  )
  return EXIT_OK
}

/** value: id and state of each, for scripts. */
export async function invitesCommand(url: string, format: StatusFormat, io: CliIo): Promise<number> {
  const { invites } = (await new OperatorClient(url).send('GET', PATH)) as { invites: KnownInvite[] }
  if (format === 'json') io.print(`${JSON.stringify(invites, null, 2)}\n`)
  else if (format === 'value') io.print(invites.map(({ id, state }) => `${id} ${state}\n`).join(''))
  else if (invites.length === 0) io.print('There are no invites.\n')
  else io.print(`${textTable(COLUMNS, invites).join('\n')}\n`)
  return EXIT_OK
}

export async function revokeCommand(url: string, id: string, io: CliIo): Promise<number> {
  await new OperatorClient(url).send('DELETE', `${PATH}/${encodeURIComponent(id)}`)
  io.print(`Nobody can join by invite ${id} any more.\n`)
  return EXIT_OK
}
