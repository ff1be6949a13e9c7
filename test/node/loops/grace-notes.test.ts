import t from 'tap'
import { GraceNotes } from '../../../node/loops/grace-notes.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

t.test('a chunk is due when its grace is over, the oldest first, each once', async (t) => {
  const clock = new ManualClock()
  const notes = new GraceNotes(clock, { graceMs: 100 })
  for (const hash of ['b', 'a', 'c']) {
    t.equal(notes.note(hash), true)
    await clock.advance(10)
  }
  t.equal(notes.note('a'), false, 'it keeps its time')
  t.strictSame([notes.size, notes.oldestAgeMs], [3, 30])
  await clock.advance(80)
  t.strictSame(notes.takeDue(1), ['b'])
  t.strictSame(notes.takeDue(9), ['a'])
  t.strictSame(notes.takeDue(9), [])
  await clock.advance(10)
  t.strictSame(notes.takeDue(9), ['c'])
  t.strictSame([notes.size, notes.oldestAgeMs], [0, 0])
})

t.test('a claim begins the grace anew', async (t) => {
  const clock = new ManualClock()
  const notes = new GraceNotes(clock, { graceMs: 100 })
  notes.note('a')
  await clock.advance(60)
  notes.forget('a')
  notes.note('a')
  await clock.advance(60)
  t.strictSame(notes.takeDue(9), [])
  await clock.advance(40)
  t.strictSame(notes.takeDue(9), ['a'])
})

t.test('what finds no room is not noted, until there is room', (t) => {
  const notes = new GraceNotes(new ManualClock(), { graceMs: 0, notedMax: 2 })
  t.strictSame(
    ['a', 'b', 'c'].map((hash) => notes.note(hash)),
    [true, true, false],
  )
  t.strictSame(notes.takeDue(1), ['a'])
  t.equal(notes.note('c'), true)
  t.end()
})
