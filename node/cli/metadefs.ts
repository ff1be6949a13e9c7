/** `serac metadefs load|unload|export`: definitions from files into the cluster, out of it, and back into files. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { LoadMode, LoadResult } from '../status/metadef-admin.ts'
import { isAgreed } from './agreement.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK, NotAskedError } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import type { StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

/** Where Glance's packages put the definitions that come with it. */
export const STOCK_PATH = '/etc/glance/metadefs'

const METADEFS = '/v1/cluster/metadefs'

interface Asking {
  url: string
  format: StatusFormat
}

/** What became of a file or a namespace. */
interface Row {
  result: LoadResult | 'failed' | 'removed' | 'written'
  namespace: string | null
  file?: string
  /** Why it failed. */
  error?: string
}

const COLUMNS: TextColumn<Row>[] = [
  { title: 'RESULT', cell: ({ result }) => result },
  { title: 'NAMESPACE', cell: ({ namespace, file }) => namespace ?? basename(file ?? '') },
]

/** Every file for itself: one that is wrong stands in no other's way. Throws NotAskedError, and for a path without files. */
export async function loadMetadefs(
  path: string,
  { url, format, mode }: Asking & { mode: LoadMode },
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(url)
  const rows: Row[] = []
  for (const file of await filesIn(path)) rows.push(await load(client, file, mode))
  return report(rows, format, io)
}

async function load(client: OperatorClient, file: string, mode: LoadMode): Promise<Row> {
  try {
    const body: unknown = JSON.parse(await readFile(file, 'utf8'))
    const answer = await client.send('POST', `${METADEFS}?mode=${mode}`, body)
    const { namespace, result } = answer as { namespace: string; result: LoadResult }
    return { result, namespace, file }
  } catch (error) {
    // Where nobody answers, the other files need not be tried.
    if (error instanceof NotAskedError) throw error
    return {
      result: 'failed',
      namespace: null,
      file,
      error: error instanceof Error ? error.message : String(error),
    }
  }
}

/** Throws an Error when there is none. */
async function filesIn(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path]
  const names = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted()
  if (names.length === 0) throw new Error(`there is no *.json in ${path}`)
  return names.map((name) => join(path, name))
}

/** `names` empty: all. Throws an Error with what the node said, NotAskedError. */
export async function unloadMetadefs(
  names: readonly string[],
  { url, format, all, yes }: Asking & { all: boolean; yes: boolean },
  io: CliIo,
): Promise<number> {
  if (all === names.length > 0) throw new Error('name the namespaces that are to go, or say --all')
  const client = new OperatorClient(url)
  const wanted = all ? (await namespacesOf(client)).map(({ namespace }) => namespace) : names
  const question = `Take ${wanted.length === 1 ? 'a namespace' : `${wanted.length} namespaces`} out for good? [y/N] `
  if (wanted.length > 0 && !(await isAgreed(question, { yes }, io))) return EXIT_FAILED
  const rows: Row[] = []
  for (const namespace of wanted) {
    const answer = await client.send('DELETE', `${METADEFS}/${encodeURIComponent(namespace)}`)
    const { removed } = answer as { removed: boolean }
    rows.push({ result: removed ? 'removed' : 'unchanged', namespace })
  }
  return report(rows, format, io)
}

/** A file for each namespace, as it can be loaded again. Throws an Error with what the node said, NotAskedError. */
export async function exportMetadefs(directory: string, { url, format }: Asking, io: CliIo): Promise<number> {
  const namespaces = await namespacesOf(new OperatorClient(url))
  await mkdir(directory, { recursive: true })
  const rows: Row[] = []
  for (const content of namespaces) {
    const file = join(directory, fileNameOf(content.namespace))
    await writeFile(file, `${JSON.stringify(content, null, 4)}\n`)
    rows.push({ result: 'written', namespace: content.namespace, file })
  }
  return report(rows, format, io)
}

async function namespacesOf(client: OperatorClient): Promise<{ namespace: string }[]> {
  return ((await client.send('GET', METADEFS)) as { namespaces: { namespace: string }[] }).namespaces
}

/** Another one for each name, and never one that leads out of the directory. */
export function fileNameOf(namespace: string): string {
  return `${encodeURIComponent(namespace).replaceAll('*', '%2A')}.json`
}

function report(rows: readonly Row[], format: StatusFormat, io: CliIo): number {
  if (format === 'json') io.print(`${JSON.stringify(rows, null, 2)}\n`)
  else if (format === 'value') io.print(rows.map(({ namespace, file }) => `${namespace ?? file}\n`).join(''))
  else
    io.print(rows.length === 0 ? 'There are no namespaces.\n' : [...textTable(COLUMNS, rows), ''].join('\n'))
  const failed = rows.filter(({ result }) => result === 'failed')
  for (const { file, error } of failed) io.complain(`serac: ${file}: ${error}\n`)
  return failed.length > 0 ? EXIT_FAILED : EXIT_OK
}
