import t from 'tap'
import { chooseMediaType } from '../../api/negotiation.ts'

const offers = ['text/html', 'application/json'] as const

t.test('the best liked offer wins, the first among equals', async (t) => {
  const cases: [string | undefined, string | null][] = [
    [undefined, null],
    ['', null],
    ['*/*', 'text/html'],
    ['application/json', 'application/json'],
    ['Application/JSON ; charset=utf-8', 'application/json'],
    ['text/html, application/json', 'text/html'],
    ['text/html;q=0.1, application/json;q=0.2', 'application/json'],
    ['text/html;q=0, */*', 'application/json'],
    ['text/html;q=7', null],
    ['text/html;q=x, application/json;q=0.001', 'application/json'],
    ['*/json', null],
    [',;,/,a/b;q', null],
  ]
  for (const [accept, expected] of cases)
    t.equal(chooseMediaType(accept, offers), expected, accept ?? 'absent')
})
