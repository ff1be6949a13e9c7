/**
 * Any bytes in any pieces: an inspector that sees an image whole and one that sees it in shreds say the same; it keeps no
 * more than its bound, ends, and throws nothing. `SERAC_FUZZ=full` looks at 400 000 mutated images.
 */
import fc from 'fast-check'
import t from 'tap'
import { CAPTURE_BYTES_MAX } from '../../../node/inspect/capture.ts'
import { judge } from '../../../node/inspect/format-verdict.ts'
import { IMAGE_FORMATS } from '../../../node/inspect/image-formats.ts'
import { ImageInspector } from '../../../node/inspect/image-inspector.ts'
import * as made from '../../helpers/image-headers.ts'

const RULES = {
  requireImageFormatMatch: true,
  vmdkAllowedTypes: ['streamOptimized', 'monolithicSparse'],
  gptSafetyChecksNonfatal: [],
}
const MUTATIONS = process.env['SERAC_FUZZ'] === 'full' ? 400_000 : 4000
const SPLITS = 1000
/** All heads together; only one format at a time can be so far that it keeps more. */
const HEADS_BYTES = IMAGE_FORMATS.reduce((sum, { head }) => sum + head.length, 0)
/** Two formats can match by their heads at once, iso and one more; none of ours wants more than one capture then. */
const KEPT_BYTES_MAX = HEADS_BYTES + 2 * CAPTURE_BYTES_MAX

const IMAGES = [
  made.qcow2(),
  made.vhd(),
  made.vdi(),
  made.vmdk(),
  made.vmdk({ descriptor: made.vmdkDescriptor('streamOptimized'), footer: () => {} }),
  made.iso({ boot: made.mbr(made.LINUX) }),
  made.iso({ boot: made.vmdk() }),
  made.luks(),
  made.mbr(made.PROTECTIVE),
  made.qed(),
  Buffer.from(made.vmdkDescriptor('vmfs')),
  // Its tables are far from one another: a hole of zeros is not worth a mutation.
  made.vhdx(),
]
/** Where the mutations of a long image go: its tables. */
const HOT = [0, 192 * 1024, 1024 ** 2, 1024 ** 2 + 64 * 1024]
const HOT_BYTES = 1024
/** Values that sizes, counts and offsets break at. */
const EVIL = [0n, 1n, 0x7fff_ffffn, 0xffff_ffffn, 0x7fff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn, 2n ** 53n]

const mutation = fc.oneof(
  fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ at: fc.nat(), word: fc.constantFrom(...EVIL), isBig: fc.boolean() }),
  fc.record({ at: fc.nat(), isEnd: fc.constant(true) }),
)
const mutated = fc
  .tuple(fc.constantFrom(...IMAGES), fc.array(mutation, { maxLength: 6 }))
  .map(([image, mutations]) => mutations.reduce(mutate, image))
const cuts = fc.array(fc.nat(), { maxLength: 12 })

function mutate(image: Buffer, change: typeof mutation extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const at = placeIn(image, change.at)
  if ('isEnd' in change) return image.subarray(0, at)
  const copy = Buffer.from(image)
  if ('byte' in change) copy[at] = change.byte
  else if (copy.length >= at + 8 && change.isBig) copy.writeBigUInt64BE(change.word, at)
  else if (copy.length >= at + 8) copy.writeBigUInt64LE(change.word, at)
  return copy
}

function placeIn(image: Buffer, number: number): number {
  if (image.length <= HOT.at(-1)!) return number % (image.length + 1)
  return HOT[number % HOT.length]! + (Math.floor(number / HOT.length) % HOT_BYTES)
}

/** What is found, and the most that was kept meanwhile. */
function look(pieces: Iterable<Buffer>) {
  const inspector = new ImageInspector(RULES)
  let sizeBytes = 0
  let keptBytes = 0
  for (const piece of pieces) {
    inspector.see(piece)
    sizeBytes += piece.length
    keptBytes = Math.max(keptBytes, inspector.capturedBytes)
  }
  inspector.end()
  const found = inspector.findings.map(({ virtualSizeOf, ...rest }) => ({
    ...rest,
    virtualSize: virtualSizeOf(sizeBytes),
  }))
  return { inspector, found, keptBytes }
}

function* piecesOf(image: Buffer, places: readonly number[]): Generator<Buffer> {
  const sorted = places.map((place) => placeIn(image, place)).sort((a, b) => a - b)
  let from = 0
  for (const to of [...sorted, image.length]) {
    yield image.subarray(from, to)
    from = Math.max(from, to)
  }
}

t.test('mutated images: a verdict, and bounded memory', async (t) => {
  let refused = 0
  const property = fc.property(mutated, cuts, (image, places) => {
    const { inspector, found, keptBytes } = look(piecesOf(image, places))
    if (keptBytes > KEPT_BYTES_MAX) throw new Error(`${keptBytes} bytes were kept`)
    if (!inspector.isDecided) throw new Error('undecided at the end')
    for (const { format, virtualSize } of found) {
      if (virtualSize !== null && !Number.isSafeInteger(virtualSize))
        throw new Error(`${format}: ${virtualSize}`)
      if (judge(format, inspector.findings, RULES).isRefused) refused++
    }
  })
  fc.assert(property, { numRuns: MUTATIONS })
  t.ok(refused > MUTATIONS / 20, `${refused} were refused: the mutations matter`)
})

t.test('any split gives the same', async (t) => {
  const property = fc.property(mutated, cuts, (image, places) => {
    const whole = look([image])
    const split = look(piecesOf(image, places))
    return fc.stringify(whole.found) === fc.stringify(split.found)
  })
  fc.assert(property, { numRuns: SPLITS })
  t.pass()
})

t.test('so does one byte after the other', async (t) => {
  for (const image of IMAGES.filter(({ length }) => length < 64 * 1024)) {
    const bytes = Array.from(image, (_, at) => image.subarray(at, at + 1))
    t.strictSame(look(bytes).found, look([image]).found)
  }
  t.pass()
})

t.test('once it has decided it looks at nothing any more', async (t) => {
  const inspector = new ImageInspector(RULES)
  inspector.see(made.qcow2())
  t.notOk(inspector.isDecided, 'an ISO may still come')
  inspector.see(Buffer.alloc(64 * 1024))
  t.ok(inspector.isDecided)
  t.equal(inspector.capturedBytes, 0)
  const untouchable = new Proxy(new Uint8Array(1), {
    get: (_, name) => {
      throw new Error(`it looked at ${String(name)}`)
    },
  })
  inspector.see(untouchable)
})
