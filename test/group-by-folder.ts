/**
 * Makes one program of each folder's compiled tests, for `npm test`: to start a process and to load the modules takes
 * longer than most tests, and the files of a folder load much the same. `npx tap FILE` runs one alone.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const COMPILED = import.meta.dirname
const PROGRAMS = join(COMPILED, 'folders')
/** What runs on bare Node within minutes; the slower kinds have commands of their own. */
const ROOTS = ['api', 'cluster', 'deploy', 'node', 'sim', 'probe/recorder']

function testsIn(folder: string, recursive: boolean): string[] {
  const files = readdirSync(folder, { recursive, encoding: 'utf8' })
  return files.filter((file) => file.endsWith('.test.js')).map((file) => join(folder, file))
}

const tests = [...testsIn(COMPILED, false), ...ROOTS.flatMap((root) => testsIn(join(COMPILED, root), true))]
const programs = new Map<string, string>()
for (const file of tests.toSorted()) {
  const name = `${relative(dirname(COMPILED), dirname(file)).replaceAll('/', '-')}.test.js`
  const begun = programs.get(name) ?? ''
  programs.set(name, `${begun}import './${relative(PROGRAMS, file)}'\n`)
}

mkdirSync(PROGRAMS, { recursive: true })
for (const [name, text] of programs) writeFileSync(join(PROGRAMS, name), text)
