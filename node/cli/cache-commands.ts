/** `serac cache`: the image caches of all nodes, or of one. */
import { type Command, Option } from 'commander'
import { CACHE_PARTS, type CacheDocument, type CacheOutcome } from '../status/cache-admin.ts'
import type { NodesDocument } from '../status/cluster-admin.ts'
import type { CachePart } from '../images/cache-service-port.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { withFormat, withUrl } from './cluster-commands.ts'
import { resolveNode } from './membership.ts'
import { OperatorClient } from './operator-client.ts'
import { formatBytes, shortId, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

type Finish = (exitCode: number) => void

interface CacheFlags {
  url: string
  node?: string
}

/** As POST /v1/cluster/cache takes it. */
interface CacheRequest {
  action: string
  image?: string
  part?: CachePart
}

interface CacheRow {
  node: string
  image: string
  state: 'cached' | 'queued'
  sizeBytes: number | null
  hits: number | null
  lastAccessedMs: number | null
}

const CACHE_URL = '/v1/cluster/cache'

const COLUMNS: TextColumn<CacheRow>[] = [
  { title: 'NODE', cell: ({ node }) => shortId(node) },
  { title: 'IMAGE', cell: ({ image }) => image },
  { title: 'STATE', cell: ({ state }) => state },
  {
    title: 'SIZE',
    cell: ({ sizeBytes }) => (sizeBytes === null ? '-' : formatBytes(sizeBytes)),
    alignRight: true,
  },
  { title: 'HITS', cell: ({ hits }) => (hits === null ? '-' : String(hits)), alignRight: true },
  {
    title: 'LAST USED',
    cell: ({ lastAccessedMs }) => (lastAccessedMs === null ? '-' : isoSeconds(lastAccessedMs)),
  },
]

export function addCacheCommands(program: Command, io: CliIo, finish: Finish): void {
  const cache = program
    .command('cache')
    .description('Image caches: what nodes keep of images that they do not hold as members of the cluster.')
  const list = cache
    .command('list', { isDefault: true })
    .description('Show what is in the caches, and what is queued for them.')
  withFormat(withNode(list)).action(async (flags: CacheFlags & { format: StatusFormat }) => {
    finish(await listCommand(flags, io))
  })
  const queue = cache
    .command('queue')
    .description('Have an image brought into the caches.')
    .argument('<image>', 'its id')
  withNode(queue).action(async (image: string, flags: CacheFlags) => {
    finish(await changeCommand({ action: 'queue', image }, flags, io))
  })
  const remove = cache
    .command('delete')
    .description('Take an image out of the caches, and of their queues.')
    .argument('<image>', 'its id')
  withNode(remove).action(async (image: string, flags: CacheFlags) => {
    finish(await changeCommand({ action: 'delete', image }, flags, io))
  })
  const clear = cache
    .command('clear')
    .description('Take all images out of the caches, and of their queues.')
    .addOption(new Option('--only <part>', 'one of them').choices(CACHE_PARTS))
  withNode(clear).action(async ({ only, ...flags }: CacheFlags & { only?: CachePart }) => {
    finish(await changeCommand({ action: 'clear', ...(only && { part: only }) }, flags, io))
  })
  const prune = cache
    .command('prune')
    .description('Bring the caches back within their limit. Nodes do so by themselves.')
  withNode(prune).action(async (flags: CacheFlags) => {
    finish(await changeCommand({ action: 'prune' }, flags, io))
  })
  const clean = cache
    .command('clean')
    .description('Have everything in the caches read back, and what is damaged dropped.')
  withNode(clean).action(async (flags: CacheFlags) => {
    finish(await changeCommand({ action: 'clean' }, flags, io))
  })
}

async function listCommand(
  { url, node, format }: CacheFlags & { format: StatusFormat },
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(url)
  const wanted = await memberId(client, node)
  const { nodes } = (await client.send('GET', CACHE_URL)) as CacheDocument
  const shown = nodes.filter((each) => wanted === null || each.node === wanted)
  io.print(renderCaches({ nodes: shown }, format))
  return EXIT_OK
}

/** value: node, image and state of each, for scripts. */
export function renderCaches({ nodes }: CacheDocument, format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(nodes, null, 2)}\n`
  const rows = nodes.flatMap(rowsOf)
  if (format === 'value') return rows.map(({ node, image, state }) => `${node} ${image} ${state}\n`).join('')
  return [...textTable(COLUMNS, rows), '', ...nodes.map(describeNode), ''].join('\n')
}

function rowsOf({ node, cache }: CacheDocument['nodes'][number]): CacheRow[] {
  const cached = (cache?.images ?? []).map(({ imageId, sizeBytes, hits, lastAccessedMs }): CacheRow => ({
    node,
    image: imageId,
    state: 'cached',
    sizeBytes,
    hits,
    lastAccessedMs,
  }))
  const queued = (cache?.queued ?? []).map((image): CacheRow => ({
    node,
    image,
    state: 'queued',
    sizeBytes: null,
    hits: null,
    lastAccessedMs: null,
  }))
  return [...cached, ...queued]
}

function describeNode({ node, cache }: CacheDocument['nodes'][number]): string {
  if (!cache) return `${shortId(node)}: it does not answer`
  const { figures } = cache
  if (!figures) return `${shortId(node)}: no cache`
  const room = `${formatBytes(figures.usedBytes)} of ${formatBytes(figures.bytesMax)}`
  return `${shortId(node)}: ${room}, ${figures.hits} hits, ${figures.misses} misses, ${figures.evicted} evicted`
}

async function changeCommand(request: CacheRequest, { url, node }: CacheFlags, io: CliIo): Promise<number> {
  const client = new OperatorClient(url)
  const body = { ...request, node: await memberId(client, node) }
  const { nodes } = (await client.send('POST', CACHE_URL, body)) as CacheOutcome
  for (const each of nodes) {
    const outcome = each.error === null ? `${each.changed} changed` : `not done: ${each.error}`
    io.print(`${shortId(each.node)}: ${outcome}\n`)
  }
  return nodes.every(({ error }) => error === null) ? EXIT_OK : EXIT_FAILED
}

/** null: all. Throws an Error. */
async function memberId(client: OperatorClient, written: string | undefined): Promise<string | null> {
  if (written === undefined) return null
  return resolveNode(written, (await client.send('GET', '/v1/cluster/nodes')) as NodesDocument)
}

function withNode(command: Command): Command {
  return withUrl(command).option('--node <id>', 'only at this node: its id, or how it ends')
}

function isoSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
