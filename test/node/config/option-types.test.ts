import t from 'tap'
import * as types from '../../../node/config/option-types.ts'

function check<T>(type: types.OptionType<T>, good: Record<string, T>, bad: string[]): void {
  for (const [text, value] of Object.entries(good)) t.strictSame(type.parse(text), value, `'${text}'`)
  for (const text of bad) t.throws(() => type.parse(text), { message: type.description }, `not '${text}'`)
}

t.test('boolean', async () => {
  const yes = Object.fromEntries(['true', 'True', '1', 'yes', 'ON', ' on '].map((text) => [text, true]))
  const no = Object.fromEntries(['false', 'FALSE', '0', 'no', 'off'].map((text) => [text, false]))
  check(types.boolean, { ...yes, ...no }, ['', '2', 'maybe', 'y'])
})

t.test('integer and port', async () => {
  check(types.integer(-1, 10), { '-1': -1, '10': 10, ' 7 ': 7, '+7': 7 }, [
    '-2',
    '11',
    '',
    '1.5',
    '0x1',
    '1e1',
    'x',
  ])
  check(types.port, { '1': 1, '65535': 65_535 }, ['0', '65536'])
})

t.test('size', async () => {
  check(
    types.size(),
    {
      '0': 0,
      '1000': 1000,
      '7B': 7,
      '1 KB': 1000,
      '1.1 GB': 1_100_000_000,
      '64 MiB': 67_108_864,
      '64mib': 67_108_864,
      '1.5GiB': 1_610_612_736,
      '1 TiB': 1_099_511_627_776,
      '2 TB': 2_000_000_000_000,
    },
    ['', '-1', '1 K', '1 PiB', 'MiB', '1 MiB MiB', '99999999 TiB', '1,5 GiB'],
  )
  check(types.size(1024), { '1 KiB': 1024 }, ['1 KB', '0'])
})

t.test('duration', async () => {
  check(
    types.duration,
    {
      '5': 5000,
      '500 ms': 500,
      '5s': 5000,
      '0.5 s': 500,
      '15 min': 900_000,
      '24 h': 86_400_000,
      '7 d': 604_800_000,
    },
    ['', '-5', '5 m', '5 weeks', 's'],
  )
})

t.test('text in its several forms', async () => {
  check(types.text, { 'a b': 'a b', '': '' }, [])
  check(types.secret, { hush: 'hush' }, [])
  check(types.host, { '::1': '::1', '10.0.0.1': '10.0.0.1', 'node-1.lab': 'node-1.lab' }, [
    '',
    'a b',
    'http://x/',
  ])
  check(types.url, { 'https://image.example/v': 'https://image.example/v' }, [
    '',
    'image.example',
    'ftp://x/',
  ])
  check(types.path, { '/a/b': '/a/b' }, ['', 'a/b', './a'])
})

t.test('choice and list', async () => {
  check(types.choice('json', 'oslo'), { json: 'json', oslo: 'oslo' }, ['', 'JSON', 'text'])
  check(
    types.list(types.text),
    {
      '': [],
      a: ['a'],
      'a, b ,c': ['a', 'b', 'c'],
      '[]': [],
      '[\'a\', "b",c]': ['a', 'b', 'c'],
      '[::1]': ['::1'],
      '[::1],[::2]': ['[::1]', '[::2]'],
    },
    [],
  )
  t.throws(() => types.list(types.port).parse('1,x'), { message: types.port.description })
})
