import fc from 'fast-check'
import t from 'tap'
import { escapeDollars, substitute } from '../../../node/config/substitute.ts'

const name = (found: string) => `<${found}>`

t.test('placeholders as oslo has them', async (t) => {
  const cases: Record<string, string> = {
    plain: 'plain',
    $a: '<a>',
    '$a/b': '<a>/b',
    '${a}b': '<a>b',
    '$group.name/x': '<group.name>/x',
    '${group.name}.x': '<group.name>.x',
    '$A_1 $_b': '<A_1> <_b>',
    $$a: '$a',
    '\\$a': '$a',
    $$$a: '$<a>',
    $: '$',
    '$1 ${} ${1} $-': '$1 ${} ${1} $-',
    '${a': '${a',
  }
  for (const [text, expected] of Object.entries(cases)) t.equal(substitute(text, name), expected, text)
})

t.test('a replacement is taken as it is', async (t) => {
  t.equal(
    substitute('$a', () => '$b $& $$'),
    '$b $& $$',
  )
})

t.test('escaping protects any text without a backslash before a dollar', async () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const wanted = text.replaceAll('\\', '/')
      return substitute(escapeDollars(wanted), name) === wanted
    }),
  )
})
