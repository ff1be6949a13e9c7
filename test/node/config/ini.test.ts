import fc from 'fast-check'
import t from 'tap'
import { parseIni } from '../../../node/config/ini.ts'

/** The assignments as `section.key=value@line`. */
function read(...lines: string[]): string[] {
  const { assignments, problems } = parseIni(lines.join('\n'))
  if (problems.length > 0)
    throw new Error(problems.map(({ line, message }) => `${line}: ${message}`).join('; '))
  return assignments.map(({ section, key, value, line }) => `${section}.${key}=${value}@${line}`)
}

function problemsOf(...lines: string[]): string[] {
  return parseIni(lines.join('\n')).problems.map(({ line, message }) => `${line}: ${message}`)
}

t.test('the first of = and : separates, blanks around both sides go', async (t) => {
  t.strictSame(read('[a]', 'x = 1', 'y: 2', 'z=a:b', 'w : a=b', 'v ='), [
    'a.x=1@2',
    'a.y=2@3',
    'a.z=a:b@4',
    'a.w=a=b@5',
    'a.v=@6',
  ])
})

t.test('comments are whole lines; # and ; inside a value belong to it', async (t) => {
  t.strictSame(read('# one', '; two', '[a]', '#x = 0', 'x = 1 # 2 ; 3'), ['a.x=1 # 2 ; 3@5'])
})

t.test('repeated keys are all kept, sections may return', async (t) => {
  t.strictSame(read('[a]', 'x = 1', '[b]', 'x = 2', '[a]', 'x = 3'), ['a.x=1@2', 'b.x=2@4', 'a.x=3@6'])
})

t.test('indented lines continue the value, also those that look like comments or headers', async (t) => {
  t.strictSame(read('[a]', 'x = 1', '  2', '\t# 3', ' [b]', 'y = 4'), ['a.x=1\n2\n# 3\n[b]@2', 'a.y=4@6'])
  t.strictSame(read('[a]', 'x =', '  1', '', 'y = 2'), ['a.x=\n1@2', 'a.y=2@5'])
})

t.test('a blank line, a comment and a header end a value', async (t) => {
  for (const between of ['', '   ', '# comment', '[b]']) {
    t.strictSame(problemsOf('[a]', 'x = 1', between, '  2'), [
      '4: an indented line continues the value above it, but there is none',
    ])
  }
})

t.test('one pair of equal quotes around the value goes, as oslo does it', async (t) => {
  t.strictSame(
    read(
      '[a]',
      `a = "x y"`,
      `b = 'x'`,
      `c = "x'`,
      `d = "'x'"`,
      `e = "`,
      `f = a"b"`,
      'g = ""',
      'h = " x "',
    ).map((line) => line.replace(/@\d+$/, '')),
    ['a.a=x y', 'a.b=x', `a.c="x'`, `a.d='x'`, 'a.e=', 'a.f=a"b"', 'a.g=', 'a.h= x '],
  )
})

t.test('section names are taken as they stand; line ends of every kind', async (t) => {
  t.strictSame(parseIni('[DEFAULT]\r\nx = 1\r[ b.c ]\ny = 2  \n').assignments, [
    { section: 'DEFAULT', key: 'x', value: '1', line: 2 },
    { section: ' b.c ', key: 'y', value: '2', line: 4 },
  ])
  t.strictSame(parseIni('[a]\n\n[b]').sections, [
    { name: 'a', line: 1 },
    { name: 'b', line: 3 },
  ])
})

t.test('everything that is wrong is reported, with its line', async (t) => {
  t.strictSame(problemsOf('x = 1', '[a', 'y = 1', '[]', 'z = 1', '[b]', 'word', '= 3'), [
    '1: x stands before the first section, e.g. [DEFAULT]',
    '2: a section header must end with ]',
    '4: a section header needs a name',
    '7: expected KEY = VALUE',
    '8: the name before the = is missing',
  ])
})

t.test('any text is read without throwing, and what is written is read back', async () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseIni(text)
    }),
  )
  const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]*$/)
  const value = fc.stringMatching(/^[A-Za-z0-9 =:#;$@?&.,/-]*$/).map((text) => text.trim())
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word, value)), (rows) => {
      const text = rows.map(([section, key, content]) => `[${section}]\n${key} = ${content}\n`).join('\n')
      const expected = rows.map(([section, key, content], index) => ({
        section,
        key,
        value: content,
        line: 3 * index + 2,
      }))
      return JSON.stringify(parseIni(text).assignments) === JSON.stringify(expected)
    }),
  )
})
