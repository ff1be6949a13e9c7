import fc from 'fast-check'
import t from 'tap'
import type { RangeHeaders } from '../../../api/v2/byte-range.ts'
import { parseByteRange } from '../../../api/v2/byte-range.ts'
import { ImageError } from '../../../node/errors.ts'

const SIZE = 100

function outcome(headers: RangeHeaders, size = SIZE): string {
  try {
    const range = parseByteRange(headers, size)
    return range ? `${range.start}-${range.end}` : 'all'
  } catch (error) {
    return error instanceof ImageError ? error.code : 'crash'
  }
}

t.test('Range', async (t) => {
  const cases: [string, string][] = [
    ['bytes=0-9', '0-9'],
    ['bytes=0-0', '0-0'],
    ['bytes=90-', '90-99'],
    ['bytes=-10', '90-99'],
    ['bytes=-1000', '0-99'],
    ['bytes=50-1000', '50-99'],
    ['bytes=0-99999999999999999999999999', '0-99'],
    ['BYTES = 5 - 6', '5-6'],
    ['bytes=99-99', '99-99'],
    ['bytes=100-', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=100-200', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=9-8', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=-0', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=-', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=a-b', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=1-2x', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=-5-6', 'RANGE_NOT_SATISFIABLE'],
    ['items=1-2', 'RANGE_NOT_SATISFIABLE'],
    ['', 'RANGE_NOT_SATISFIABLE'],
    ['bytes=0-1,5-6', 'INVALID'],
  ]
  for (const [range, expected] of cases) t.equal(outcome({ range }), expected, range)
})

t.test('Content-Range as a request header', async (t) => {
  const cases: [string, string][] = [
    ['bytes 0-9/100', '0-9'],
    ['bytes 0-9/*', '0-9'],
    ['bytes 90-99/*', '90-99'],
    ['bytes 90-199/200', '90-99'],
    ['bytes 90-100/*', 'RANGE_NOT_SATISFIABLE'],
    ['bytes 90-100/100', 'RANGE_NOT_SATISFIABLE'],
    ['bytes 100-101/200', 'RANGE_NOT_SATISFIABLE'],
    ['bytes 9-8/*', 'RANGE_NOT_SATISFIABLE'],
    ['bytes */100', 'RANGE_NOT_SATISFIABLE'],
    ['0-9', 'RANGE_NOT_SATISFIABLE'],
  ]
  for (const [header, expected] of cases) t.equal(outcome({ 'content-range': header }), expected, header)
  t.equal(outcome({ range: 'bytes=1-2', 'content-range': 'bytes 5-6/*' }), '1-2', 'Range wins')
  t.equal(outcome({}), 'all')
})

t.test('an empty image has no range', async (t) => {
  for (const range of ['bytes=0-', 'bytes=-1', 'bytes=0-0'])
    t.equal(outcome({ range }, 0), 'RANGE_NOT_SATISFIABLE')
})

t.test('whatever is asked, only bytes of the image are promised', async () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.constantFrom('bytes=', 'bytes '), fc.bigInt(), fc.constantFrom('-', ''), fc.bigInt())
      .map((p) => p.join('')),
  )
  const name = fc.constantFrom('range', 'content-range')
  fc.assert(
    fc.property(name, text, fc.nat(), (header, value, size) => {
      const seen = outcome({ [header]: value }, size)
      if (seen === 'RANGE_NOT_SATISFIABLE' || seen === 'INVALID') return true
      const [start = -1, end = -1] = seen.split('-').map(Number)
      return start >= 0 && start <= end && end < size
    }),
    { numRuns: 3000 },
  )
})
