/** `serac staging`: shows which bytes wait for their import, and lets go of them. */
import type { StagedImage, StagingDocument } from '../../status/work-admin.ts'
import { type CliIo, EXIT_OK } from '../cli-io.ts'
import { OperatorClient, OperatorError } from '../operator-client.ts'
import { formatBytes, type StatusFormat } from '../status-view.ts'
import { type TextColumn, textTable } from '../text-table.ts'

const STAGED = '/v1/cluster/staged-images'
/** It has been imported, or cleared, meanwhile. */
const OVER = new Set([404, 409])

const COLUMNS: TextColumn<StagedImage>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'STAGED', cell: ({ stagedAt }) => stagedAt },
  { title: 'SIZE', cell: ({ sizeBytes }) => formatBytes(sizeBytes), alignRight: true },
  { title: 'STATE', cell: describeState },
  { title: 'NAME', cell: ({ name }) => name ?? '-' },
]

/** Throws an Error with what the node said, NotAskedError. */
export async function stagingCommand(
  { url, format }: { url: string; format: StatusFormat },
  io: CliIo,
): Promise<number> {
  const { images } = await allStaged(new OperatorClient(url))
  io.print(renderStaging(images, format))
  return EXIT_OK
}

/** value: the ids alone, for scripts. */
export function renderStaging(images: readonly StagedImage[], format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(images, null, 2)}\n`
  if (format === 'value') return images.map(({ id }) => `${id}\n`).join('')
  if (images.length === 0) return 'Nothing waits for an import.\n'
  return [...textTable(COLUMNS, images), ''].join('\n')
}

/** `olderMs`: all that were staged so long ago, beside `ids`; null: none. */
export async function clearStagingCommand(
  { ids, olderMs }: { ids: readonly string[]; olderMs: number | null },
  url: string,
  io: CliIo,
): Promise<number> {
  if (ids.length === 0 && olderMs === null) throw new Error('Say which: ids of images, or --older.')
  const client = new OperatorClient(url)
  for (const id of ids) await clear(client, id, io)
  if (olderMs === null) return EXIT_OK
  const { images } = await allStaged(client)
  const old = images.filter(
    (image) => Date.now() - Date.parse(image.stagedAt) >= olderMs && !image.isImported,
  )
  for (const { id } of old)
    await clear(client, id, io).catch((error: unknown) => {
      if (!(error instanceof OperatorError && OVER.has(error.status))) throw error
    })
  return EXIT_OK
}

async function clear(client: OperatorClient, id: string, io: CliIo): Promise<void> {
  await client.send('DELETE', `${STAGED}/${encodeURIComponent(id)}`)
  io.print(`What was staged for image ${id} is let go.\n`)
}

function allStaged(client: OperatorClient): Promise<StagingDocument> {
  return client.send('GET', STAGED) as Promise<StagingDocument>
}

function describeState({ isImported, problem }: StagedImage): string {
  if (isImported) return 'is imported'
  return problem === null ? 'waits' : 'unfit'
}
