import t from 'tap'
import { allOf } from '../../helpers/all-of.ts'
import { walkClaims } from '../../../node/store/claim-walk.ts'

const [A, B, C, D] = ['aa', 'bb', 'cc', 'dd'] as const

async function* rows<T>(...items: T[]): AsyncGenerator<T> {
  yield* items
}

t.test('merges locations, references and pins, and tells the roots', async (t) => {
  const walked = await allOf(
    walkClaims(
      {
        locations: rows<string>(A, B, D),
        references: rows(
          { hash: B, root: D },
          { hash: C, root: C },
          { hash: D, root: C },
          { hash: D, root: D },
        ),
        pins: rows({ hash: '00', upload: '1' }, { hash: B, upload: '1' }, { hash: B, upload: '2' }),
      },
      (root) => root === C,
    ),
  )
  const nothing = { isHere: true, isReferenced: false, isPinned: false, isRoot: false, isMissed: false }
  t.strictSame(walked, [
    { ...nothing, hash: A },
    { ...nothing, hash: B, isReferenced: true, isPinned: true },
    { ...nothing, hash: C, isHere: false, isReferenced: true, isRoot: true, isMissed: true },
    { ...nothing, hash: D, isReferenced: true, isRoot: true },
  ])
})

t.test('whoever ends early closes the readers', async (t) => {
  let closed = 0
  const endless = async function* <T>(item: T): AsyncGenerator<T> {
    try {
      for (;;) yield item
    } finally {
      closed++
    }
  }
  const keys = {
    locations: endless<string>(A),
    references: endless({ hash: D, root: D }),
    pins: endless({ hash: D, upload: '1' }),
  }
  for await (const { hash } of walkClaims({ ...keys, locations: rows<string>(A, B) }, () => false)) {
    t.equal(hash, A)
    break
  }
  t.equal(closed, 2)
})
