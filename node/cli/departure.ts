/** `serac drain | undrain | remove | replace`: nodes that leave, each shown first with what it moves and risks. */
import { sleep, systemClock } from '../../cluster/runtime.ts'
import type { NodesDocument } from '../status/cluster-admin.ts'
import type { Departure, DeparturePlan } from '../status/departure-plan.ts'
import type { NodeStatus } from '../status/status-types.ts'
import { isAgreed } from './agreement.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { describeDrain, renderDeparture } from './departure-view.ts'
import { type ChangeFlags, changeVoters, resolveNode } from './membership.ts'
import { OperatorClient } from './operator-client.ts'
import { ProgressLine } from './progress-line.ts'

export interface DepartureFlags extends ChangeFlags {
  /** Whatever the plan objects. */
  force: boolean
}

export interface DrainFlags extends DepartureFlags {
  /** Not only begin it: until nothing is left on the node. */
  wait: boolean
}

const LOOK_EVERY_MS = 1000

/** Asked again of a node that is drained already, it goes on watching. */
export async function drainCommand(name: string, flags: DrainFlags, io: CliIo): Promise<number> {
  const client = new OperatorClient(flags.url)
  const id = resolveNode(name, await client.nodes())
  if (!(await mayGo(client, 'drain', id, flags, io))) return flags.dryRun ? EXIT_OK : EXIT_FAILED
  const question = `Drain node ${id}? Its copies go to the others, requests too. [y/N] `
  if (!(await isAgreed(question, flags, io))) return EXIT_FAILED
  await client.send('PUT', pathOf(id, `drain?force=${flags.force}`))
  if (flags.wait) return untilEmpty(client, id, io)
  io.print(`Node ${id} is being drained; "serac status" tells how far it is.\n`)
  return EXIT_OK
}

export async function undrainCommand(name: string, url: string, io: CliIo): Promise<number> {
  const client = new OperatorClient(url)
  const id = resolveNode(name, await client.nodes())
  await client.send('DELETE', pathOf(id, 'drain'))
  io.print(`Node ${id} takes copies and requests again.\n`)
  return EXIT_OK
}

export async function removeCommand(name: string, flags: DepartureFlags, io: CliIo): Promise<number> {
  const client = new OperatorClient(flags.url)
  const id = resolveNode(name, await client.nodes())
  if (!(await mayGo(client, 'remove', id, flags, io))) return flags.dryRun ? EXIT_OK : EXIT_FAILED
  const question = `Take node ${id} out of the cluster? Its copies no longer count. [y/N] `
  if (!(await isAgreed(question, flags, io))) return EXIT_FAILED
  return remove(client, id, flags, io)
}

/**
 * Lets another node vote in place of one, has that one give its copies to the others if it answers, and takes it out. Begun
 * once and broken off, it goes on where it was.
 */
export async function replaceCommand(
  oldName: string,
  newName: string,
  flags: DepartureFlags,
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(flags.url)
  const document = await client.nodes()
  const [oldId, newId] = [resolveNode(oldName, document), resolveNode(newName, document)]
  const voters = votersAfter(oldId, newId, document)
  const answers = (await statusOf(client, oldId))?.state === 'alive'
  const isGoing = await mayGo(client, answers ? 'drain' : 'remove', oldId, flags, io)
  if (!isGoing && !flags.dryRun) return EXIT_FAILED
  const exitCode = await changeVoters(client, voters, flags, io)
  if (exitCode !== EXIT_OK || flags.dryRun) return exitCode
  if (answers) {
    await client.send('PUT', pathOf(oldId, `drain?force=${flags.force}`))
    const drained = await untilEmpty(client, oldId, io)
    if (drained !== EXIT_OK) return drained
  }
  return remove(client, oldId, flags, io)
}

function votersAfter(oldId: string, newId: string, { nodes }: NodesDocument): string[] {
  const voters = nodes.filter(({ votes }) => votes).map(({ id }) => id)
  if (!voters.includes(oldId) && !voters.includes(newId))
    throw new Error(`${oldId} does not vote: "serac remove" takes it out`)
  return [...voters.filter((id) => id !== oldId && id !== newId), newId]
}

/** Shows the plan unless nobody is to be asked; false: nothing may be done now. */
async function mayGo(
  client: OperatorClient,
  kind: Departure,
  id: string,
  { format, dryRun, yes, force }: DepartureFlags,
  io: CliIo,
): Promise<boolean> {
  const plan = (await client.send('GET', pathOf(id, kind === 'drain' ? 'drain' : 'removal'))) as DeparturePlan
  const isRefused = plan.objections.length > 0 && !force
  if (dryRun || !yes || isRefused) io.print(renderDeparture(plan, format))
  if (dryRun) return false
  if (isRefused)
    io.complain('serac: nothing was changed. What is refused is done all the same with --force\n')
  return !isRefused
}

async function remove(
  client: OperatorClient,
  id: string,
  { force }: DepartureFlags,
  io: CliIo,
): Promise<number> {
  await client.send('DELETE', `/v1/cluster/nodes/${id}?force=${force}`)
  io.print(`Node ${id} is no member any more. Its data directory can go.\n`)
  return EXIT_OK
}

/** The drain goes on whether anybody watches or not. */
async function untilEmpty(client: OperatorClient, id: string, io: CliIo): Promise<number> {
  const progress = new ProgressLine(io)
  try {
    for (;;) {
      const drain = (await statusOf(client, id))?.drain
      if (!drain) throw new Error(`node ${id} is not drained any more: somebody has ended it`)
      if (drain.left?.images === 0) break
      progress.show(`${describeDrain(drain)}. It goes on without this command, too.`)
      await sleep(systemClock, LOOK_EVERY_MS)
    }
  } finally {
    progress.end()
  }
  io.print(`Node ${id} holds no image data any more.\n`)
  return EXIT_OK
}

async function statusOf(client: OperatorClient, id: string): Promise<NodeStatus | undefined> {
  return (await client.status()).nodes.find((node) => node.id === id)
}

function pathOf(id: string, what: string): string {
  return `/v1/cluster/nodes/${id}/${what}`
}
