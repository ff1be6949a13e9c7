/** `serac stores list`: shows the stores and what is in each. */
import type { StoresDocument, StoreView } from '../../status/store-admin.ts'
import { type CliIo, EXIT_OK } from '../cli-io.ts'
import { OperatorClient } from '../operator-client.ts'
import { formatBytes, type StatusFormat } from '../status-view.ts'
import { type TextColumn, textTable } from '../text-table.ts'

const COLUMNS: TextColumn<StoreView>[] = [
  { title: 'STORE', cell: ({ id }) => id },
  { title: 'TYPE', cell: ({ type }) => type },
  { title: 'DEFAULT', cell: ({ isDefault }) => (isDefault ? 'yes' : '-') },
  { title: 'WEIGHT', cell: ({ weight }) => String(weight), alignRight: true },
  { title: 'WRITABLE', cell: ({ isReadOnly }) => (isReadOnly ? 'no' : 'yes') },
  { title: 'STATE', cell: ({ state }) => state ?? '-' },
  { title: 'IMAGES', cell: ({ images }) => String(images.images), alignRight: true },
  { title: 'BYTES', cell: ({ images }) => formatBytes(images.bytes), alignRight: true },
  { title: 'TO DELETE', cell: ({ discarded }) => String(discarded), alignRight: true },
]

/** Throws an Error with what the node said, NotAskedError. */
export async function storesCommand(
  { url, format }: { url: string; format: StatusFormat },
  io: CliIo,
): Promise<number> {
  const { stores } = (await new OperatorClient(url).send('GET', '/v1/cluster/stores')) as StoresDocument
  io.print(renderStores(stores, format))
  return EXIT_OK
}

/** value: the ids alone, for scripts. */
export function renderStores(stores: readonly StoreView[], format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(stores, null, 2)}\n`
  if (format === 'value') return stores.map(({ id }) => `${id}\n`).join('')
  const failures = stores.flatMap(({ failure }) => (failure === null ? [] : [failure]))
  return [...textTable(COLUMNS, stores), ...(failures.length > 0 ? ['', ...failures] : []), ''].join('\n')
}
