/** What becomes of an upload, by what it was declared to be and what its bytes are. */
import t from 'tap'
import { judge } from '../../../node/inspect/format-verdict.ts'
import { ImageInspector } from '../../../node/inspect/image-inspector.ts'
import { UploadInspection } from '../../../node/inspect/upload-inspection.ts'
import * as made from '../../helpers/image-headers.ts'

const { DISK_BYTES, LINUX } = made
const RULES = {
  requireImageFormatMatch: true,
  vmdkAllowedTypes: ['streamOptimized', 'monolithicSparse'],
  gptSafetyChecksNonfatal: [] as string[],
}
const SIZE_BYTES_MAX = 2 ** 30
const LENIENT = { ...RULES, requireImageFormatMatch: false }

/** The size of the disk when it is let through, else why not. */
function verdictOn(diskFormat: string, image: Buffer, rules = RULES): number | string | null {
  const inspector = new ImageInspector(rules)
  inspector.see(image)
  inspector.end()
  const verdict = judge(diskFormat, inspector.findings, rules)
  return verdict.isRefused ? verdict.reason : verdict.virtualSizeOf(image.length)
}

const noise = Buffer.alloc(40_000, 0x91)
const images: Record<string, Buffer> = {
  raw: noise,
  qcow2: made.qcow2(),
  vhd: made.vhd(),
  vhdx: made.vhdx(),
  vdi: made.vdi(),
  vmdk: made.vmdk(),
  iso: made.iso(),
}

t.test('each format passes as itself, and as raw with its own length', async (t) => {
  for (const [format, image] of Object.entries(images)) {
    t.equal(verdictOn(format, image), format === 'raw' ? image.length : DISK_BYTES, format)
    t.equal(verdictOn('raw', image), image.length, `${format} as raw`)
  }
})

t.test('and as nothing else', async (t) => {
  for (const [format, image] of Object.entries(images))
    for (const declared of [...Object.keys(images), 'ami'])
      if (declared !== format && declared !== 'raw' && !(format === 'raw' && declared === 'ami')) {
        const reason = `Image disk_format ${declared} does not match the data, which is ${format}`
        t.equal(verdictOn(declared, image), reason)
        t.equal(verdictOn(declared, image, LENIENT), null, 'a mismatch that is allowed has no known size')
      }
})

t.test('bytes of no format pass as what cannot be inspected', async (t) => {
  for (const declared of ['ami', 'ari', 'aki', 'ploop']) t.equal(verdictOn(declared, noise), null)
})

t.test('what is unsafe is refused under any name and any rule', async (t) => {
  const unsafe = /^Image failed safety checks: backing_file \(it has a backing file\)$/
  for (const declared of ['qcow2', 'raw'])
    for (const rules of [RULES, LENIENT])
      t.match(verdictOn(declared, made.qcow2({ backingAt: 512n }), rules), unsafe)
  t.match(verdictOn('raw', made.qed()), /banned/)
  t.match(verdictOn('vmdk', Buffer.from(made.vmdkDescriptor('monolithicFlat'))), /descriptor/)
})

t.test('a bootable ISO is an ISO; any other two formats are neither', async (t) => {
  const bootable = made.iso({ boot: made.mbr(LINUX) })
  t.equal(verdictOn('iso', bootable), DISK_BYTES)
  t.equal(verdictOn('raw', bootable), bootable.length)
  t.match(verdictOn('gpt', bootable), /does not match/)
  const hidden = made.iso({ boot: made.qcow2() })
  for (const declared of ['iso', 'qcow2', 'raw'])
    t.equal(verdictOn(declared, hidden), 'Several formats were found in the data: qcow2, iso')
})

t.test('a partition table may be allowed to be odd, other formats may not', async (t) => {
  const odd = made.mbr()
  t.match(verdictOn('raw', odd), 'Image failed safety checks: mbr (the MBR has no partitions)')
  const rules = { ...RULES, gptSafetyChecksNonfatal: ['mbr', 'backing_file'] }
  t.equal(verdictOn('raw', odd, rules), odd.length)
  t.match(verdictOn('qcow2', made.qcow2({ backingAt: 1n }), rules), /backing_file/)
})

/** How much of a body is read, and what comes of it. */
async function upload(diskFormat: string, pieces: readonly Buffer[], rules = RULES) {
  const inspection = new UploadInspection(diskFormat, rules)
  let isLeft = false
  let read = 0
  async function* source() {
    try {
      for (const piece of pieces) {
        read++
        yield piece
      }
    } finally {
      isLeft = true
    }
  }
  const passed: Uint8Array[] = []
  const refusal = await (async () => {
    for await (const piece of inspection.watch(source(), SIZE_BYTES_MAX)) passed.push(piece)
    return null
  })().catch((error: unknown) => error)
  return { inspection, passed, read, refusal, isLeft: () => isLeft }
}

t.test('the pieces pass as they are', async (t) => {
  const pieces = [made.qcow2(), Buffer.alloc(70_000), Buffer.alloc(5)]
  const { passed, refusal, inspection } = await upload('qcow2', pieces)
  t.equal(refusal, null)
  t.equal(passed.length, 3)
  for (const [index, piece] of pieces.entries()) t.equal(passed[index], piece, 'the very same memory')
  t.equal(inspection.virtualSizeOf(1), DISK_BYTES)
})

t.test('nothing is passed on of what will be refused, and the client is heard out', async (t) => {
  const pieces = [noise, ...Array.from({ length: 100 }, () => Buffer.alloc(65_536))]
  const { read, refusal, passed } = await upload('qcow2', pieces)
  t.match(refusal, { code: 'UNSUPPORTED_MEDIA', message: /does not match the data, which is raw/ })
  t.strictSame([read, passed.length], [101, 0])
})

t.test('but not for ever', async (t) => {
  let read = 0
  async function* endless() {
    for (;;) {
      read++
      yield noise
    }
  }
  const inspection = new UploadInspection('qcow2', RULES)
  const body = inspection.watch(endless(), 10 * noise.length)[Symbol.asyncIterator]()
  await t.rejects(body.next(), { code: 'UNSUPPORTED_MEDIA' })
  t.equal(read, 12)
})

t.test('what is decided by the end is refused at the end', async (t) => {
  const image = made.vmdk({ footer: (footer) => void footer.write('KDMW') })
  const pieces = [image.subarray(0, 3000), Buffer.alloc(50_000), image.subarray(3000)]
  const { passed, refusal } = await upload('vmdk', pieces)
  t.match(refusal, { code: 'UNSUPPORTED_MEDIA', message: /footer/ })
  t.equal(passed.length, 3)
})

t.test('an empty image has no format and no size', async (t) => {
  const { refusal, inspection } = await upload('raw', [])
  t.equal(refusal, null)
  t.equal(inspection.virtualSizeOf(0), null)
  t.match((await upload('qcow2', [])).refusal, { code: 'UNSUPPORTED_MEDIA' })
})

t.test('what an operator may want to know is noted', async (t) => {
  const noteOf = async (...args: Parameters<typeof upload>) => (await upload(...args)).inspection.note
  t.equal(await noteOf('raw', [made.qcow2()]), 'Image disk_format raw was declared for data which is qcow2')
  t.match(await noteOf('vmdk', [made.qcow2()], LENIENT), /does not match/)
  for (const ordinary of [made.mbr(LINUX), noise]) t.equal(await noteOf('raw', [ordinary]), null)
})

t.test('who stops reading ends the source, before and after the verdict', async (t) => {
  for (const wanted of [1, 2]) {
    const inspection = new UploadInspection('raw', RULES)
    let isLeft = false
    async function* source() {
      try {
        for (;;) yield noise.subarray(0, 20_000)
      } finally {
        isLeft = true
      }
    }
    let read = 0
    for await (const _ of inspection.watch(source(), SIZE_BYTES_MAX)) if (++read === wanted) break
    t.ok(isLeft, `after ${wanted}`)
  }
})
