/** How long writers of one turn of the event loop may go on, and who comes next. */
import t from 'tap'
import { LoopTurn } from '../../api/loop-turn.ts'

const PIECE_MS = 1
/** What fits into one turn. */
const PIECES = 4

t.test('writers go on in turns, and others have theirs in between', async (t) => {
  let nowMs = 0
  const turn = new LoopTurn(() => nowMs)
  const written: string[] = []
  const write = async (who: string, pieces: number) => {
    for (let piece = 0; piece < pieces; piece++) {
      while (turn.isOver()) await turn.pause()
      written.push(who)
      nowMs += PIECE_MS
      // The socket has taken it.
      await Promise.resolve()
    }
  }
  const perTurn: number[] = []
  const over = new AbortController()
  const others = (async () => {
    while (!over.signal.aborted) {
      perTurn.push(written.length)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((who) => write(who, 2))
  await Promise.all(all)
  over.abort()
  await others
  const steps = perTurn.map((count, index) => count - (perTurn[index - 1] ?? 0))
  t.ok(Math.max(...steps) <= PIECES, `never more than a turn holds: ${steps.join(' ')}`)
  t.equal(written.length, 12)
  t.same(
    written.slice(0, 6).toSorted(),
    ['a', 'b', 'c', 'd', 'e', 'f'],
    'nobody writes twice before all have written',
  )
})

t.test('a single writer that is quick never waits', async (t) => {
  const turn = new LoopTurn(() => 0)
  let isNextTurn = false
  setImmediate(() => (isNextTurn = true))
  const looks = Array.from({ length: 100 }, () => turn.isOver())
  t.notOk(looks.includes(true))
  t.notOk(isNextTurn)
})
