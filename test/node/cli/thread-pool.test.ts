import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { runCommand } from '../../helpers/run-command.ts'

/** In place of the real main: fills the thread pool with work and counts the threads of the process. */
const MAIN = `
import { pbkdf2 } from 'node:crypto'
import { readdirSync } from 'node:fs'
pbkdf2('password', 'salt', 1, 32, 'sha512', () => console.log(readdirSync('/proc/self/task').length))
`

t.test('the serac command has sixteen pool threads, unless told otherwise', async (t) => {
  const { outputText } = ts.transpileModule(await readFile('node/serac.cts', 'utf8'), {
    fileName: 'serac.cts',
    compilerOptions: {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      rewriteRelativeImportExtensions: true,
    },
  })
  const { PATH } = process.env
  const directory = t.testdir({
    'serac.cjs': outputText,
    'main.js': MAIN,
    'package.json': '{"type":"module"}',
  })
  const countThreads = async (environment: NodeJS.ProcessEnv) => {
    const { stdout } = await runCommand(process.execPath, [join(directory, 'serac.cjs')], { environment })
    return Number(stdout)
  }
  const withFour = await countThreads({ PATH, UV_THREADPOOL_SIZE: '4' })
  t.equal((await countThreads({ PATH })) - withFour, 12)
  t.equal((await countThreads({ PATH, UV_THREADPOOL_SIZE: '20' })) - withFour, 16)
})
