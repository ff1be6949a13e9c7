/** `serac images`: shows which deleted images can still be had back, and takes one back. */
import type { DeletedImage, DeletedImagesDocument } from '../status/image-admin.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import { formatBytes, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

const PATH = '/v1/cluster/deleted-images'

const COLUMNS: TextColumn<DeletedImage>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'DELETED', cell: ({ deletedAt }) => deletedAt ?? '-' },
  { title: 'SIZE', cell: ({ size }) => (size === null ? '-' : formatBytes(size)), alignRight: true },
  { title: 'NAME', cell: ({ name }) => name ?? '-' },
]

/** Throws an Error with what the node said, NotAskedError. */
export async function deletedImagesCommand(
  { url, format }: { url: string; format: StatusFormat },
  io: CliIo,
): Promise<number> {
  const { images } = (await new OperatorClient(url).send('GET', PATH)) as DeletedImagesDocument
  io.print(renderDeletedImages(images, format))
  return EXIT_OK
}

/** value: the ids alone, for scripts. */
export function renderDeletedImages(images: readonly DeletedImage[], format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(images, null, 2)}\n`
  if (format === 'value') return images.map(({ id }) => `${id}\n`).join('')
  if (images.length === 0) return 'No deleted image waits for its end.\n'
  return [...textTable(COLUMNS, images), ''].join('\n')
}

/** Throws an Error with what the node said, NotAskedError. */
export async function restoreImageCommand(id: string, url: string, io: CliIo): Promise<number> {
  await new OperatorClient(url).send('POST', `${PATH}/${encodeURIComponent(id)}/restore`)
  io.print(`Image ${id} is back.\n`)
  return EXIT_OK
}
