/** Each format by itself: recognised, its disk's size, and what is unsafe in it. */
import t from 'tap'
import { CAPTURE_BYTES_MAX } from '../../../node/inspect/capture.ts'
import { ImageInspector } from '../../../node/inspect/image-inspector.ts'
import * as made from '../../helpers/image-headers.ts'

const { DISK_BYTES, LINUX, PROTECTIVE } = made
const RULES = {
  requireImageFormatMatch: true,
  vmdkAllowedTypes: ['streamOptimized', 'monolithicSparse'],
  gptSafetyChecksNonfatal: [],
}

/** Per format found: its name, the size of its disk, and the checks that it fails. */
function look(image: Buffer, rules = RULES) {
  const inspector = new ImageInspector(rules)
  inspector.see(image)
  inspector.end()
  return inspector.findings.map(({ format, virtualSizeOf, violations }) => ({
    format,
    virtualSize: virtualSizeOf(image.length),
    checks: violations.map(({ check }) => check),
  }))
}

function safe(format: string, virtualSize: number | null = DISK_BYTES) {
  return [{ format, virtualSize, checks: [] as string[] }]
}

t.test('what each format says of its disk', async (t) => {
  t.strictSame(look(made.qcow2()), safe('qcow2'))
  t.strictSame(look(made.qcow2({ version: 2 })), safe('qcow2'))
  t.strictSame(look(made.vhd()), safe('vhd'))
  t.strictSame(look(made.vhd(BigInt(DISK_BYTES + 512))), safe('vhd', DISK_BYTES + 512), 'after a resize')
  t.strictSame(look(made.vhdx()), safe('vhdx'))
  t.strictSame(look(made.vdi()), safe('vdi'))
  t.strictSame(look(made.vmdk()), safe('vmdk'))
  const streamed = { descriptor: made.vmdkDescriptor('streamOptimized'), footer: () => {} }
  t.strictSame(look(made.vmdk(streamed)), safe('vmdk'))
  t.strictSame(look(made.iso()), safe('iso'))
  t.strictSame(look(made.iso({ identifier: 'NSR03', type: 0 })), safe('iso', null), 'UDF does not tell')
  t.strictSame(look(made.mbr(LINUX)), safe('gpt', 512))
  t.strictSame(look(made.mbr(PROTECTIVE)), safe('gpt', 512))
  t.strictSame(look(made.luks({ payloadBytes: 777 })), safe('luks', 777))
})

t.test('other bytes are of no format', async (t) => {
  const fat = made.mbr()
  fat[0x10] = 2
  fat[0x15] = 0xf8
  const fixedVhd = Buffer.concat([Buffer.alloc(4096), made.vhd()])
  const prose = Buffer.from('Some text of no use. '.repeat(5000))
  for (const image of [Buffer.alloc(0), Buffer.alloc(100_000), Buffer.alloc(600, 0xff), fat, fixedVhd, prose])
    t.strictSame(look(image), [])
})

t.test('a size that no number can hold is none', async (t) => {
  t.strictSame(look(made.qcow2({ size: 2n ** 53n })), safe('qcow2', null))
  t.strictSame(look(made.vmdk({ sectors: 2n ** 60n })), safe('vmdk', null))
})

t.test('qcow2: files of the host and unknown features', async (t) => {
  const checksOf = (parts: Parameters<typeof made.qcow2>[0]) => look(made.qcow2(parts))[0]?.checks
  t.strictSame(checksOf({ backingAt: 512n }), ['backing_file'])
  t.strictSame(checksOf({ features: 0b1011n }), [], 'dirty, corrupt, compression')
  t.strictSame(checksOf({ features: 0b0100n }), ['data_file'])
  t.strictSame(checksOf({ features: 0b1_0000n }), ['unknown_features'], 'as oslo.utils: extended L2 entries')
  t.strictSame(checksOf({ features: 2n ** 63n }), ['unknown_features'])
  t.strictSame(checksOf({ version: 1 }), ['unknown_features'])
  t.strictSame(checksOf({ version: 2, features: 0b0100n }), [], 'version 2 has something else there')
  t.strictSame(checksOf({ backingAt: 8n, features: 0b10_0100n }), [
    'backing_file',
    'data_file',
    'unknown_features',
  ])
})

t.test('an image that ends within its headers has no structure', async (t) => {
  for (const image of [
    made.qcow2().subarray(0, 60),
    made.vhd().subarray(0, 50),
    made.vdi().subarray(0, 100),
    made.iso().subarray(0, 32 * 1024 + 20),
    made.luks().subarray(0, 30),
    made.vhdx().subarray(0, 4096),
    made.vhdx().subarray(0, 1024 ** 2 + 70),
    made.vhdx().subarray(0, 1024 ** 2 + 64 * 1024 + 3),
  ])
    t.match(look(image), [{ virtualSize: null, checks: ['structure'] }])
})

t.test('vhdx: tables that lead nowhere', async (t) => {
  const broken = (edit: (image: Buffer) => void) => {
    const image = made.vhdx()
    edit(image)
    return image
  }
  for (const image of [
    made.vhdx({ regions: 1 }),
    made.vhdx({ regions: 2048 }),
    made.vhdx({ metadataAt: 4096 }),
    made.vhdx({ itemAt: 48 }),
    broken((image) => image.write('ruin', 192 * 1024)),
    broken((image) => image.write('ruin', 1024 ** 2)),
    broken((image) => image.writeUInt16LE(1, 1024 ** 2 + 10)),
    broken((image) => image.writeUInt16LE(0xffff, 1024 ** 2 + 10)),
    broken((image) => image.writeBigUInt64LE(2n ** 60n, 192 * 1024 + 64)),
  ])
    t.strictSame(look(image), [{ format: 'vhdx', virtualSize: null, checks: ['structure'] }])
})

t.test('vhdx: tables as long as they may be', async (t) => {
  const image = made.vhdx({ regions: 2047 })
  const last = { region: 192 * 1024 + 16 + 2046 * 32, item: 1024 ** 2 + 32 + 2046 * 32 }
  for (const [first, place] of [
    [192 * 1024 + 48, last.region],
    [1024 ** 2 + 64, last.item],
  ] as const) {
    image.copyWithin(place, first, first + 32)
    image.fill(0, first, first + 32)
  }
  image.writeUInt16LE(2047, 1024 ** 2 + 10)
  t.strictSame(look(image), safe('vhdx'))
})

t.test('vmdk: what its descriptor may not say', async (t) => {
  const checksOf = (...descriptor: Parameters<typeof made.vmdkDescriptor>) =>
    look(made.vmdk({ descriptor: made.vmdkDescriptor(...descriptor) }))[0]?.checks
  t.strictSame(checksOf('MONOLITHICSPARSE'), [], 'in any case')
  for (const type of ['monolithicFlat', 'twoGbMaxExtentSparse', 'vmfs', '', 'x'.repeat(5000)])
    t.strictSame(checksOf(type), ['descriptor'], type)
  t.strictSame(checksOf('monolithicSparse"\ncreateType="monolithicFlat'), ['descriptor'], 'one of two')
  t.strictSame(checksOf('monolithicSparse', 'RW 100 FLAT "/etc/shadow" 0'), ['descriptor'])
  t.strictSame(checksOf('monolithicSparse', '# no extent'), ['descriptor'])
  t.strictSame(checksOf('monolithicSparse', 'anything else'), ['descriptor'])
  t.strictSame(checksOf('monolithicSparse', 'RW 1 SPARSE "a"\nparentFileNameHint="b"'), ['descriptor'])
  t.strictSame(
    look(made.vmdk(), { ...RULES, vmdkAllowedTypes: [] })[0]?.checks,
    ['descriptor'],
    'no type at all',
  )
})

t.test('vmdk: a descriptor that is not where or what it should be', async (t) => {
  const broken = (edit: (image: Buffer) => void) => {
    const image = made.vmdk()
    edit(image)
    return image
  }
  const endless = Buffer.alloc(2 * CAPTURE_BYTES_MAX, '# nothing but comments\n')
  for (const image of [
    made.vmdk().subarray(0, 40),
    made.vmdk().subarray(0, 600),
    made.vmdk({ descriptorSectors: 0n }),
    made.vmdk({ descriptorSectors: 2n ** 63n }),
    made.vmdk({ sectors: 0n }),
    made.vmdk({ descriptor: 'nothing' }),
    broken((image) => image.writeUInt32LE(4, 4)),
    broken((image) => image.writeBigUInt64LE(2n, 28)),
    Buffer.concat([made.vmdk({ descriptorSectors: 4096n }).subarray(0, 512), endless]),
  ])
    t.strictSame(look(image), [{ format: 'vmdk', virtualSize: null, checks: ['descriptor'] }])
})

t.test('vmdk: a padded descriptor may claim more than is looked at', async (t) => {
  const image = Buffer.concat([made.vmdk({ descriptorSectors: 4096n }), Buffer.alloc(2 * CAPTURE_BYTES_MAX)])
  t.strictSame(look(image), safe('vmdk'))
})

t.test('vmdk: the footer says what the header says', async (t) => {
  const checksOf = (footer: made.VmdkParts['footer'] | null) =>
    look(made.vmdk(footer === undefined ? {} : { footer }))[0]?.checks
  t.strictSame(
    checksOf((footer) => void footer.writeBigUInt64LE(99n, 48)),
    [],
  )
  t.strictSame(checksOf(null), ['footer'], 'without one')
  t.strictSame(
    checksOf((footer) => void footer.write('KDMW')),
    ['footer'],
  )
  t.strictSame(
    checksOf((footer) => void footer.writeBigUInt64LE(1n, 12)),
    ['footer'],
    'capacity',
  )
  t.strictSame(
    checksOf((footer) => void footer.writeBigUInt64LE(9n, 28)),
    ['footer'],
    'descriptor',
  )
  t.strictSame(
    checksOf((footer) => void footer.writeBigUInt64LE(2n ** 64n - 1n, 56)),
    ['footer'],
  )
  const behind = Buffer.concat([made.vmdk({ footer: () => {} }), Buffer.alloc(512)])
  t.strictSame(look(behind)[0]?.checks, ['footer'], 'more behind the end')
})

t.test('vmdk: a descriptor alone is never one image', async (t) => {
  const comments = '# about nothing\n'.repeat(500)
  for (const text of [
    made.vmdkDescriptor('monolithicFlat'),
    made.vmdkDescriptor(),
    comments + made.vmdkDescriptor(),
  ])
    t.strictSame(look(Buffer.from(text)), [{ format: 'vmdk', virtualSize: null, checks: ['descriptor'] }])
})

t.test('mbr: partitions', async (t) => {
  const checksOf = (...partitions: made.Partition[]) => look(made.mbr(...partitions))[0]?.checks
  const [, , chs] = PROTECTIVE
  t.strictSame(checksOf(LINUX, [0, 0x82, [1, 2, 3], 99]), [])
  t.strictSame(checksOf(), ['mbr'], 'none')
  t.strictSame(checksOf([0x12, 0x83, [1, 2, 3], 99]), ['mbr'], 'boot flag')
  t.strictSame(checksOf([0, 0xee, [1, 2, 0], 1]), ['mbr'], 'wrong start')
  t.strictSame(checksOf([0, 0xee, chs, 2]), ['mbr'], 'wrong block')
  t.strictSame(checksOf(PROTECTIVE, LINUX), ['mbr'], 'others beside it')
  t.strictSame(checksOf([0, 0, [0, 0, 0], 0], PROTECTIVE), ['mbr'], 'not the first')
})

t.test('formats that are refused whatever is in them', async (t) => {
  t.strictSame(look(made.qed()), [{ format: 'qed', virtualSize: null, checks: ['banned'] }])
  t.match(look(made.luks({ version: 2 })), [{ format: 'luks', checks: ['version'] }])
})

t.test('two formats in one image are told as two', async (t) => {
  const hybrid = look(made.iso({ boot: made.mbr(LINUX) }))
  t.strictSame(
    hybrid.map(({ format }) => format),
    ['iso', 'gpt'],
  )
  const hidden = look(made.iso({ boot: made.qcow2() }))
  t.strictSame(
    hidden.map(({ format }) => format),
    ['qcow2', 'iso'],
  )
})
