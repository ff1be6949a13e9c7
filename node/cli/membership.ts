/** `serac nodes | nodes set | voters`: what operators ask of the membership, over the operator port. */
import type { MemberChanges, NodesDocument, VoterChange } from '../status/cluster-admin.ts'
import { sleep, systemClock } from '../../cluster/runtime.ts'
import { isAgreed } from './agreement.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { renderNodes, renderPlan } from './membership-view.ts'
import { OperatorClient } from './operator-client.ts'
import type { StatusFormat } from './status-view.ts'

export interface ChangeFlags {
  url: string
  format: StatusFormat
  dryRun: boolean
  /** Do not ask. */
  yes: boolean
}

const PROGRESS_EVERY_MS = 500
/** Shorter endings of an id are slips rather than names. */
const ENDING_LENGTH_MIN = 4

export async function nodesCommand(url: string, format: StatusFormat, io: CliIo): Promise<number> {
  io.print(renderNodes(await new OperatorClient(url).nodes(), format))
  return EXIT_OK
}

/** Changes what the cluster config says of a member: the images that belong elsewhere by it move by themselves. */
export async function setNodeCommand(
  name: string,
  changes: MemberChanges,
  { url, format }: { url: string; format: StatusFormat },
  io: CliIo,
): Promise<number> {
  if (Object.keys(changes).length === 0)
    throw new Error('say what to change: --zone, --no-zone, --weight or --address')
  const client = new OperatorClient(url)
  const id = resolveNode(name, await client.nodes())
  await client.send('PUT', `/v1/cluster/nodes/${id}`, changes)
  io.print(renderNodes(await client.nodes(), format))
  return EXIT_OK
}

/** Makes exactly these nodes the voters, and waits until they are. */
export async function votersCommand(
  names: readonly string[],
  flags: ChangeFlags,
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(flags.url)
  const document = await client.nodes()
  return changeVoters(
    client,
    names.map((name) => resolveNode(name, document)),
    flags,
    io,
  )
}

export async function abortCommand(url: string, io: CliIo): Promise<number> {
  await new OperatorClient(url).send('DELETE', '/v1/cluster/voters/change')
  io.print('The change of the voters was given up; the old ones stay.\n')
  return EXIT_OK
}

/** Shows what it takes, asks, and waits until it is over. */
export async function changeVoters(
  client: OperatorClient,
  voters: readonly string[],
  flags: ChangeFlags,
  io: CliIo,
): Promise<number> {
  const ask = (dryRun: boolean) =>
    client.send('POST', '/v1/cluster/voters', { voters, dryRun }) as Promise<VoterChange>
  const { plan } = await ask(true)
  if (flags.dryRun || !flags.yes) io.print(renderPlan(plan, flags.format))
  if (flags.dryRun) return EXIT_OK
  if (!(await isAgreed('Change the voters? [y/N] ', flags, io))) return EXIT_FAILED
  const { state } = await ask(false)
  if (state === 'running') await untilOver(client, io)
  return report(await client.nodes(), voters, io)
}

function report(document: NodesDocument, wanted: readonly string[], io: CliIo): number {
  const voters = document.nodes.filter(({ votes }) => votes).map(({ id }) => id)
  const isDone = voters.length === wanted.length && wanted.every((id) => voters.includes(id))
  if (isDone) io.print(`Voters: ${voters.join(' ')}\n`)
  else io.complain('serac: the change was given up, or another one came after it\n')
  return isDone ? EXIT_OK : EXIT_FAILED
}

/** Until no change is under way. The node that is asked need not be the one that drives it. */
async function untilOver(client: OperatorClient, io: CliIo): Promise<void> {
  for (let isOver = false; !isOver;) {
    const { voterChange } = await client.status()
    isOver = voterChange === null
    const { registers = 0, copied = 0, settled = 0 } = voterChange?.progress ?? {}
    const line = `${registers} registers looked at, ${copied} copied, ${settled} settled`
    if (io.isTerminal) io.complain(`\r${line}${isOver ? '\n' : ''}`)
    if (!isOver) await sleep(systemClock, PROGRESS_EVERY_MS)
  }
}

/** A node by its id, or by how it ends if only one ends like that: all ids begin alike. Throws an Error. */
export function resolveNode(
  name: string,
  { nodes }: { nodes: readonly Pick<NodesDocument['nodes'][number], 'id'>[] },
): string {
  const ending = name.replace(/^…/, '')
  const found = nodes.filter(
    ({ id }) => id === name || (ending.length >= ENDING_LENGTH_MIN && id.endsWith(ending)),
  )
  const [node, other] = found
  if (node && !other) return node.id
  throw new Error(
    other ? `several node ids end in ${ending}: write more of it` : `${name} is no member: see "serac nodes"`,
  )
}
