import fc from 'fast-check'
import t from 'tap'
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  MessageAssembler,
  PART_BYTES_MAX,
} from '../../../cluster/network/framing.ts'
import { FRAME_BYTES_MAX, MESSAGE_BYTES_MAX } from '../../../cluster/network/protocols.ts'

const frames = fc.array(
  fc.record({ id: fc.nat(0xffff_ffff), last: fc.boolean(), part: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 8 },
)

t.test('frames survive any cut of the byte stream', async (t) => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(encodeFrame))
      const decoder = new FrameDecoder()
      const received: Frame[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const next = at + cuts[i % cuts.length]!
        received.push(...decoder.push(new Uint8Array(bytes.subarray(at, next))))
        at = next
      }
      const plain = received.map(({ part, ...rest }) => ({ ...rest, part: new Uint8Array(part) }))
      return JSON.stringify(plain) === JSON.stringify(sent)
    }),
  )
  t.pass('for all cuts')
})

t.test('garbage is refused and never crashes', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        new FrameDecoder().push(bytes)
      } catch (error) {
        return (error as { code?: string }).code === 'BAD_FRAME'
      }
      return true
    }),
  )
  const tooLong = Buffer.alloc(4)
  tooLong.writeUInt32BE(FRAME_BYTES_MAX + 1)
  t.throws(() => new FrameDecoder().push(tooLong), { code: 'BAD_FRAME' })
  t.throws(() => new FrameDecoder().push(Buffer.alloc(4)), { code: 'BAD_FRAME' }, 'shorter than its header')
  t.throws(
    () => new FrameDecoder().push(Buffer.from([0, 0, 0, 5, 9, 0, 0, 0, 1])),
    { code: 'BAD_FRAME' },
    'flags',
  )
})

t.test('interleaved messages come out whole', async (t) => {
  const assembler = new MessageAssembler()
  const part = (id: number, text: string, last: boolean) =>
    assembler.add({ id, last, part: Buffer.from(text) })
  t.equal(part(1, 'a', false), null)
  t.equal(part(2, 'x', false), null)
  t.equal(part(1, 'b', false), null)
  t.equal(Buffer.from(part(2, 'y', true)!).toString(), 'xy')
  t.equal(Buffer.from(part(1, 'c', true)!).toString(), 'abc')
})

t.test('a message over the cap, and endless empty parts, are refused', async (t) => {
  const assembler = new MessageAssembler()
  const part = new Uint8Array(PART_BYTES_MAX)
  const whole = Math.floor(MESSAGE_BYTES_MAX / PART_BYTES_MAX)
  for (let i = 0; i < whole; i++) t.equal(assembler.add({ id: 1, last: false, part }), null)
  t.throws(() => assembler.add({ id: 1, last: false, part }), { code: 'BAD_FRAME' })
  const empty = { id: 1, last: false, part: new Uint8Array() }
  t.throws(() => new MessageAssembler().add(empty), { code: 'BAD_FRAME' })
})

t.test('many half-sent messages together are refused too', async (t) => {
  const assembler = new MessageAssembler()
  const part = new Uint8Array(PART_BYTES_MAX)
  t.throws(
    () => {
      for (let id = 0; id < 1000; id++) assembler.add({ id, last: false, part })
    },
    { code: 'BAD_FRAME' },
  )
})
