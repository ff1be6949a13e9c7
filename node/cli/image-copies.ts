/** `serac images list` and `show`: which nodes have which images, as the page shows it. */
import type { ImageMapDocument, MapCell, MapRow } from '../status/image-map.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import { formatBytes, shortId, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

interface Asking {
  url: string
  format: StatusFormat
}

export interface ImagesFlags extends Asking {
  attention?: true
  search: string
  limit: number
}

/** Images asked for at once. */
const PAGE_IMAGES = 100

const COLUMNS: TextColumn<MapRow>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'STATUS', cell: ({ status }) => status },
  {
    title: 'SIZE',
    cell: ({ sizeBytes }) => (sizeBytes === null ? '-' : formatBytes(sizeBytes)),
    alignRight: true,
  },
  { title: 'COPIES', cell: describeCopies },
]

const CELL_COLUMNS: TextColumn<MapCell>[] = [
  { title: 'NODE', cell: ({ node }) => shortId(node) },
  { title: 'COPY', cell: ({ state }) => state },
  { title: 'BELONGS THERE', cell: ({ placed }) => (placed ? 'yes' : 'no') },
  {
    title: 'CHUNKS',
    cell: ({ chunks }) => (chunks ? `${chunks.present}/${chunks.total}` : '-'),
    alignRight: true,
  },
  { title: 'DAMAGED', cell: ({ chunks }) => String(chunks?.damaged ?? '-'), alignRight: true },
]

/** The newest first. Throws an Error with what the node said, NotAskedError. */
export async function imagesCommand(
  { url, format, attention, search, limit }: ImagesFlags,
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(url)
  const rows: MapRow[] = []
  for (let after: string | null = null; ;) {
    const page: ImageMapDocument = await askPage(client, {
      limit: String(Math.min(PAGE_IMAGES, limit - rows.length)),
      show: attention ? 'attention' : 'all',
      search,
      ...(after !== null && { after }),
    })
    rows.push(...page.images)
    after = page.next
    if (after === null || rows.length >= limit) break
  }
  io.print(renderImages(rows, format))
  return EXIT_OK
}

/** Exit code 1 when a node where the image belongs is not known to hold all of it. Throws as `imagesCommand`. */
export async function showImageCommand(id: string, { url, format }: Asking, io: CliIo): Promise<number> {
  const { images } = await askPage(new OperatorClient(url), { limit: '1', search: id })
  const row = images.find((image) => image.id === id)
  if (!row) throw new Error(`there is no image ${id}`)
  io.print(renderImage(row, format))
  return row.cells.every(({ placed, state }) => !placed || state === 'full') ? EXIT_OK : EXIT_FAILED
}

/** value: id, whole copies and wanted ones, for scripts. */
export function renderImages(rows: readonly MapRow[], format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(rows, null, 2)}\n`
  if (format === 'value')
    return rows.map((row) => `${row.id} ${countsOf(row).whole} ${countsOf(row).placed}\n`).join('')
  if (rows.length === 0) return 'No such image.\n'
  return [...textTable(COLUMNS, rows), ''].join('\n')
}

function renderImage(row: MapRow, format: StatusFormat): string {
  if (format !== 'table') return renderImages([row], format)
  const size = row.sizeBytes === null ? '-' : formatBytes(row.sizeBytes)
  return [
    `${row.id} ${row.name ?? ''}`.trim(),
    `${row.status}, ${size}, created ${row.createdAt}`,
    '',
    ...textTable(CELL_COLUMNS, row.cells),
    '',
  ].join('\n')
}

/** As `2/3 whole, 1 unknown`: of those that belong there, and what the others are. */
function describeCopies(row: MapRow): string {
  if (row.sizeBytes === null) return '-'
  const { whole, placed } = countsOf(row)
  const others = new Map<string, number>()
  for (const { state, placed: belongs } of row.cells)
    if (belongs && state !== 'full') others.set(state, (others.get(state) ?? 0) + 1)
  const parts = Array.from(others, ([state, count]) => `${count} ${state}`)
  return [`${whole}/${placed} whole`, ...parts].join(', ')
}

function countsOf({ cells }: MapRow): { whole: number; placed: number } {
  const placed = cells.filter((cell) => cell.placed)
  return { whole: placed.filter(({ state }) => state === 'full').length, placed: placed.length }
}

async function askPage(client: OperatorClient, query: Record<string, string>): Promise<ImageMapDocument> {
  const text = new URLSearchParams(query).toString()
  return (await client.send('GET', `/v1/cluster/images?${text}`)) as ImageMapDocument
}
