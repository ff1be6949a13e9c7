import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SAMPLE_BACKENDS } from '../../../node/config/backend-options.ts'
import { parseIni } from '../../../node/config/ini.ts'
import type { OptionTable } from '../../../node/config/option.ts'
import { OPTIONS } from '../../../node/config/options.ts'
import { sampleConfig } from '../../../node/config/sample.ts'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'

const TABLE: OptionTable = OPTIONS

t.test('the sample in deploy/ is the one that the table gives', async (t) => {
  const file = await readFile(join(PROJECT_ROOT, 'deploy/serac.conf.sample'), 'utf8')
  t.equal(file, sampleConfig(TABLE, SAMPLE_BACKENDS), 'run `serac config sample > deploy/serac.conf.sample`')
})

t.test('with its comment signs removed it names every option once and no other', async (t) => {
  const bare = sampleConfig(TABLE, {}).replaceAll(/^#(?=\w+ =)/gm, '')
  const { assignments, problems } = parseIni(bare)
  const expected = Object.entries(TABLE).flatMap(([section, { options }]) =>
    Object.keys(options).map((name) => `${section}.${name}`),
  )
  t.strictSame(problems, [])
  t.strictSame(
    assignments.map(({ section, key }) => `${section}.${key}`),
    expected,
  )
})

t.test('fits a terminal, but for values, which are not folded', async (t) => {
  const long = sampleConfig(TABLE, SAMPLE_BACKENDS)
    .split('\n')
    .filter((line) => line.length > 80 && !/^#\w+ = /.test(line))
  t.strictSame(long, [])
})

t.test('every option is explained and every default is a valid value', async (t) => {
  for (const { options } of Object.values(TABLE)) {
    for (const [name, option] of Object.entries(options)) {
      t.ok(option.help.endsWith('.'), `${name} has a help sentence`)
      // Substitution is the loader's; here any path stands for it.
      const text = option.default?.replace('$state_path', '/state') ?? null
      if (text !== null) t.doesNotThrow(() => option.parse([text]), name)
    }
  }
})
