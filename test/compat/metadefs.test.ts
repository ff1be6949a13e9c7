/** Metadata definitions: `serac metadefs` with Glance's own files, and every `glance md-…`, each step on another node. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runCommand } from '../helpers/run-command.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'
import { clientCluster } from './client-cluster.ts'
import { propertyTable, tableRows } from './client-table.ts'
import { stockFiles, STOCK_DIRECTORY } from './differential/stock.ts'
import { glanceClient } from './roaming-client.ts'

interface Row {
  result: string
  namespace: string
}

const { nodes } = await clientCluster(t, [])
const urls = nodes.map(({ apiUrl }) => apiUrl)
const glance = await glanceClient(t, urls)
const stock = await stockFiles()
let turn = 0

/** `serac metadefs …`, asking another node than the command before. */
async function serac(...args: string[]): Promise<string> {
  const url = nodes[turn++ % nodes.length]!.operatorUrl
  const command = [join(PROJECT_ROOT, 'dist/bin/serac.cjs'), 'metadefs', ...args, '--url', url]
  const { exitCode, stdout, stderr } = await runCommand(process.execPath, command)
  if (exitCode !== 0) throw new Error(`'${args.join(' ')}' ended with ${exitCode}: ${stderr}${stdout}`)
  return stdout
}

async function resultsOf(...args: string[]): Promise<Record<string, number>> {
  const rows = JSON.parse(await serac(...args, '--format', 'json')) as Row[]
  const counts: Record<string, number> = {}
  for (const { result } of rows) counts[result] = (counts[result] ?? 0) + 1
  return counts
}

async function shown(path: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${urls[turn++ % urls.length]}/v2/metadefs/${path}`)
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
  return (await answer.json()) as Record<string, unknown>
}

/** Without what the service adds. */
function given(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(given)
  if (typeof value !== 'object' || value === null) return value
  const added = new Set(['created_at', 'updated_at', 'self', 'schema'])
  const own = Object.entries(value).filter(([name]) => !added.has(name))
  return Object.fromEntries(own.map(([name, inner]) => [name, given(inner)]))
}

t.test('the stock definitions are loaded, read back equal, exported, and taken out', async (t) => {
  const count = stock.length
  t.equal(count, 33)
  const table = await serac('load', STOCK_DIRECTORY)
  t.match(table, /^RESULT {3}NAMESPACE\ncreated {2}/)
  t.ok(table.split('\n').every((line) => line.length <= 80))
  for (const { content } of stock)
    t.strictSame(given(await shown(`namespaces/${content.namespace}`)), content, content.namespace)
  t.equal(((await shown('namespaces?limit=100'))['namespaces'] as unknown[]).length, count)
  for (const mode of [[], ['--merge'], ['--prefer-new'], ['--overwrite']])
    t.strictSame(await resultsOf('load', STOCK_DIRECTORY, ...mode), { unchanged: count }, mode.join(' '))

  const directory = t.testdir()
  t.strictSame(await resultsOf('export', directory), { written: count })
  t.strictSame(await resultsOf('load', directory, '--overwrite'), { unchanged: count })
  const [first = ''] = (await readdir(directory)).toSorted()
  const changed = JSON.parse(await readFile(join(directory, first), 'utf8')) as object
  await writeFile(join(directory, first), JSON.stringify({ ...changed, tags: [{ name: 'new' }] }))
  t.strictSame(await resultsOf('load', directory, '--merge'), { unchanged: count - 1, changed: 1 })
  t.strictSame(await resultsOf('unload', '--all', '--yes'), { removed: count })
  t.strictSame((await shown('namespaces'))['namespaces'], [])
  t.strictSame(await resultsOf('load', directory), { created: count })
  t.strictSame(await resultsOf('unload', '--all', '--yes'), { removed: count })
})

t.test('glance md-… does all of it', async (t) => {
  const schema = JSON.stringify({ type: 'string', description: 'of it', enum: ['red'] })
  const properties = JSON.stringify({ properties: { size: { title: 'Size', type: 'integer' } } })
  const created = propertyTable(
    await glance.run(['md-namespace-create', '--display-name', 'D', '--visibility', 'public', 'ns']),
  )
  t.match(created, { namespace: 'ns', display_name: 'D', visibility: 'public', protected: 'False' })
  await glance.run(['md-namespace-update', '--description', 'new', '--display-name', 'E', 'ns'])
  await glance.run(['md-property-create', '--name', 'colour', '--title', 'Colour', '--schema', schema, 'ns'])
  t.match(propertyTable(await glance.run(['md-property-show', 'ns', 'colour'])), { title: 'Colour' })
  await glance.run(['md-property-update', '--title', 'Color', 'ns', 'colour'])
  t.strictSame(tableRows(await glance.run(['md-property-list', 'ns'])), [['colour', 'Color', 'string']])
  await glance.run(['md-object-create', '--name', 'thing', '--schema', properties, 'ns'])
  await glance.run(['md-object-update', '--name', 'object', 'ns', 'thing'])
  t.match(propertyTable(await glance.run(['md-object-property-show', 'ns', 'object', 'size'])), {
    title: 'Size',
  })
  t.match(propertyTable(await glance.run(['md-object-show', 'ns', 'object'])), { name: 'object' })
  t.match(tableRows(await glance.run(['md-object-list', 'ns'])), [['object']])
  // Its --append sends a header that its HTTP library refuses.
  await glance.run(['md-tag-create-multiple', '--names', 'two,three', '--delim', ',', 'ns'])
  await glance.run(['md-tag-create', '--name', 'one', 'ns'])
  await glance.run(['md-tag-update', '--name', 'four', 'ns', 'one'])
  t.match(propertyTable(await glance.run(['md-tag-show', 'ns', 'four'])), { name: 'four' })
  const tags = tableRows(await glance.run(['md-tag-list', 'ns'])).flat()
  t.strictSame(tags.toSorted(), ['four', 'three', 'two'])
  await glance.run(['md-resource-type-associate', '--name', 'OS::X', '--prefix', 'x:', 'ns'])
  t.strictSame(tableRows(await glance.run(['md-resource-type-list'])), [['OS::X']])
  t.match(tableRows(await glance.run(['md-namespace-resource-type-list', 'ns'])), [['OS::X', 'x:']])
  const whole = propertyTable(await glance.run(['md-namespace-show', '--resource-type', 'OS::X', 'ns']))
  t.match(whole, { namespace: 'ns', description: 'new', display_name: 'E', properties: /x:colour/ })
  t.match(tableRows(await glance.run(['md-namespace-list'])), [['ns']])

  t.match(await glance.refusal('md-namespace-create', 'ns'), '409')
  t.match(await glance.refusal('md-tag-create', '--name', 'FOUR', 'ns'), '409')
  t.match(await glance.refusal('md-property-show', 'ns', 'none'), '404')
  await glance.run(['md-tag-delete', 'ns', 'four'])
  await glance.run(['md-namespace-tags-delete', 'ns'])
  await glance.run(['md-object-delete', 'ns', 'object'])
  await glance.run(['md-namespace-objects-delete', 'ns'])
  await glance.run(['md-property-delete', 'ns', 'colour'])
  await glance.run(['md-namespace-properties-delete', 'ns'])
  await glance.run(['md-resource-type-deassociate', 'ns', 'OS::X'])
  await glance.run(['md-namespace-update', '--namespace', 'renamed', '--protected', 'True', 'ns'])
  t.match(await glance.refusal('md-namespace-delete', 'renamed'), '403')
  t.match(await glance.refusal('md-namespace-show', 'ns'), '404')
  await glance.run(['md-namespace-update', '--protected', 'False', 'renamed'])
  await glance.run(['md-namespace-delete', 'renamed'])
  await glance.run(['md-namespace-import', '--file', stock[0]!.file])
  t.match(tableRows(await glance.run(['md-namespace-list'])), [[stock[0]!.content.namespace]])
})
