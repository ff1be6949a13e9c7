/** What plugins make of bytes: real archives, and a qemu-img that behaves as a test wants. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { systemClock } from '../../../cluster/runtime.ts'
import { decompressed } from '../../../node/imports/decompress.ts'
import { ImageConverter } from '../../../node/imports/image-converter.ts'
import { QemuImg, QEMU_IMG_LIMITS } from '../../../node/imports/qemu-img.ts'
import { ScratchSpace } from '../../../node/imports/scratch-space.ts'

const MIB = 1024 ** 2
const IMAGE = Buffer.from('the bytes of an image, '.repeat(40_000))
const RULES = { requireImageFormatMatch: false, vmdkAllowedTypes: [], gptSafetyChecksNonfatal: [] }
const signal = new AbortController().signal

function scratchIn(directory: string, { bytesMax = 64 * MIB, freeBytes = 1024 * MIB } = {}) {
  const probe = async () => ({ freeBytes, totalBytes: freeBytes })
  return new ScratchSpace({ probe }, { directory, bytesMax, freeBytesMin: 512 * MIB })
}

async function* pieces(bytes: Buffer, length = 1000) {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** Pieces out of one buffer that is written over, as what is lent may be. */
async function* lent(bytes: Buffer) {
  const buffer = Buffer.alloc(1000)
  for await (const piece of pieces(bytes)) {
    piece.copy(buffer)
    yield buffer.subarray(0, piece.length)
    buffer.fill(0xee)
  }
}

async function all(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const got: Buffer[] = []
  for await (const piece of body) got.push(Buffer.from(piece))
  return Buffer.concat(got)
}

interface ZipOptions {
  isStored?: boolean
  sum?: number
}

/** An archive of these files, as any tool writes it. */
function zipOf(files: Record<string, Buffer>, { isStored = false, sum }: ZipOptions = {}): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, bytes] of Object.entries(files)) {
    const packed = isStored ? bytes : deflateRawSync(bytes)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(isStored ? 0 : 8, 4)
    common.writeUInt32LE(sum ?? crc32(bytes), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(bytes.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed])
    const offset = Buffer.alloc(14)
    offset.writeUInt32LE(at, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, offset, Buffer.from(name))
    parts.push(local)
    at += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(parts.length, 8)
  end.writeUInt16LE(parts.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, central, end])
}

t.test('gzip and zip are unpacked, from bytes that are only lent, too', async (t) => {
  const scratch = scratchIn(t.testdir())
  const packed: [string, Buffer, Buffer][] = [
    ['gzip', gzipSync(IMAGE), IMAGE],
    ['gzip of two parts', Buffer.concat([gzipSync(IMAGE), gzipSync(IMAGE)]), Buffer.concat([IMAGE, IMAGE])],
    ['zip', zipOf({ 'disk.raw': IMAGE }), IMAGE],
    ['zip that is only stored', zipOf({ 'disk.raw': IMAGE }, { isStored: true }), IMAGE],
    ['neither', IMAGE, IMAGE],
    ['shorter than any mark', Buffer.from('PK'), Buffer.from('PK')],
    ['nothing', Buffer.alloc(0), Buffer.alloc(0)],
  ]
  for (const [name, bytes, wanted] of packed)
    t.ok((await all(decompressed(lent(bytes), scratch))).equals(wanted), name)
  t.strictSame(readdirSync(join(t.testdirName)), [], 'nothing is left of the archives')
})

t.test('archives that are none, or of more than one file', async (t) => {
  const scratch = scratchIn(t.testdir())
  const zip = zipOf({ a: IMAGE })
  const evil: [Buffer, string, RegExp][] = [
    [gzipSync(IMAGE).subarray(0, 500), 'INVALID', /gzip data is damaged/],
    [Buffer.concat([gzipSync(IMAGE).subarray(0, 300), Buffer.alloc(300)]), 'INVALID', /damaged/],
    [zip.subarray(0, zip.length - 30), 'INVALID', /zip data is damaged/],
    [zipOf({ a: IMAGE }, { sum: 1 }), 'INVALID', /checksum/],
    [zipOf({ '../../a': IMAGE }), 'INVALID', /damaged/],
    [zipOf({ a: IMAGE, b: IMAGE }), 'UNSUPPORTED_MEDIA', /2 files/],
    [zipOf({}), 'INVALID', /./],
    [Buffer.from('xx-lh5-'), 'UNSUPPORTED_MEDIA', /LHA/],
  ]
  for (const [bytes, code, message] of evil.filter(([bytes]) => bytes.length > 22))
    await t.rejects(all(decompressed(pieces(bytes), scratch)), { code, message }, String(message))
  const away = new Error('the mirror is gone')
  const broken = async function* () {
    yield gzipSync(IMAGE).subarray(0, 100)
    throw away
  }
  await t.rejects(all(decompressed(broken(), scratch)), away, 'what the source says counts')
  t.strictSame(readdirSync(t.testdirName), [])
})

t.test('whoever has enough of a bomb ends it', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 * MIB))
  let seenBytes = 0
  for await (const piece of decompressed(pieces(bomb), scratchIn(t.testdir()))) {
    seenBytes += piece.length
    if (seenBytes > MIB) break
  }
  t.ok(seenBytes < 2 * MIB)
})

t.test('scratch space is bounded for all together, given back, and emptied after a crash', async (t) => {
  const directory = join(t.testdir({ scratch: { 'import-old': { source: 'x' } } }), 'scratch')
  const scratch = scratchIn(directory, { bytesMax: 3 * MIB })
  const [first, second] = [await scratch.folder(), await scratch.folder()]
  t.equal(readdirSync(directory).length, 2)
  await first.write('a', pieces(Buffer.alloc(2 * MIB), MIB))
  await t.rejects(second.write('a', pieces(Buffer.alloc(2 * MIB), MIB)), { code: 'UNAVAILABLE' })
  await second.remove()
  await first.removeFile('a')
  await first.write('b', pieces(Buffer.alloc(3 * MIB), MIB))
  await t.rejects(first.grownTo('b', 4 * MIB), { code: 'UNAVAILABLE' })
  await first.remove()
  t.strictSame(readdirSync(directory), [])
  const full = await scratchIn(directory, { freeBytes: 512 * MIB }).folder()
  await t.rejects(full.write('a', pieces(IMAGE)), { code: 'UNAVAILABLE', message: /free on the disk/ })
})

/** A qemu-img of a few lines of shell: `convert` is what comes after `info`. */
function converterWith(
  t: Test,
  convert: string,
  { info = '{"virtual-size": 1000}', limits = {}, bytesMax = 2 * MIB } = {},
) {
  const directory = t.testdir()
  const command = join(directory, 'qemu-img')
  const script = `#!/bin/sh
if [ "$1" = --version ]; then exit; fi
if [ "$1" = info ]; then printf '%s' '${info}'; exit; fi
while [ $# -gt 2 ]; do shift; done
${convert}
`
  writeFileSync(command, script, { mode: 0o755 })
  const scratchDirectory = join(directory, 'scratch')
  mkdirSync(scratchDirectory)
  const scratch = scratchIn(scratchDirectory, { bytesMax })
  const qemuImg = new QemuImg({ clock: systemClock }, { command, limits: { ...QEMU_IMG_LIMITS, ...limits } })
  const converter = new ImageConverter({ scratch, qemuImg }, RULES)
  const run = (bytes: Buffer, { from = 'raw', to = 'qcow2', sizeBytesMax = 10 * MIB, until = signal } = {}) =>
    all(converter.convert(pieces(bytes), { from, to }, { sizeBytesMax, signal: until }))
  return { run, qemuImg, left: () => readdirSync(scratchDirectory) }
}

t.test('an image is converted by the tool, which has a folder for it and nothing of the node', async (t) => {
  const { run, left, qemuImg } = converterWith(t, 'cat $1 > $2; env >> $2; ulimit -v >> $2')
  const converted = (await run(IMAGE)).toString()
  t.ok(converted.startsWith(IMAGE.toString()))
  t.match(converted, /2097152\n$/, 'under its limits')
  t.notMatch(converted, /HOME=/)
  t.strictSame(left(), [])
  t.ok(await qemuImg.isThere())
})

t.test('what the tool is not shown, and what becomes of its failures', async (t) => {
  const refusals: [string, Parameters<typeof converterWith>[2], object, string, RegExp][] = [
    ['cat $1 > $2', {}, { from: 'iso' }, 'UNSUPPORTED_MEDIA', /cannot be converted/],
    ['cat $1 > $2', {}, { from: 'qcow2', to: 'raw' }, 'UNSUPPORTED_MEDIA', /does not match/],
    ['cat $1 > $2', { info: '{"backing-filename":"/x"}' }, {}, 'UNSUPPORTED_MEDIA', /another file/],
    [
      'cat $1 > $2',
      { info: '{"format-specific":{"data":{"data-file":"/x"}}}' },
      {},
      'UNSUPPORTED_MEDIA',
      /another file/,
    ],
    ['echo no such thing >&2; exit 1', {}, {}, 'UNSUPPORTED_MEDIA', /could not convert.*no such thing/],
    ['exit 127', {}, {}, 'UNAVAILABLE', /not installed/],
    ['kill -XCPU $$', {}, {}, 'UNSUPPORTED_MEDIA', /too long/],
    ['exec sleep 60', { limits: { totalMs: 100 } }, {}, 'UNSUPPORTED_MEDIA', /too long/],
    [
      'exec head -c 40000000 /dev/zero > $2',
      { bytesMax: 64 * MIB },
      { sizeBytesMax: MIB },
      'TOO_LARGE',
      /more than the/,
    ],
    ['head -c 9000000 /dev/zero > $2; exec sleep 5', {}, {}, 'UNAVAILABLE', /no room at this node/],
  ]
  for (const [script, setting, request, code, message] of refusals) {
    const { run, left } = converterWith(t, script, setting)
    await t.rejects(run(IMAGE, request), { code, message }, `${script} ${JSON.stringify(setting)}`)
    t.strictSame(left(), [])
  }
  const large = converterWith(t, 'cat $1 > $2', { info: `{"virtual-size": ${MIB}}` })
  const small = Buffer.from('QFI')
  await t.rejects(large.run(small, { to: 'raw', sizeBytesMax: 1000 }), {
    code: 'TOO_LARGE',
    message: /disk inside/,
  })
})

t.test('an import that ends takes its tool along', async (t) => {
  const { run, left } = converterWith(t, 'echo here > $2; exec sleep 60')
  const stop = new AbortController()
  const running = run(IMAGE, { until: stop.signal })
  setTimeout(() => stop.abort(new Error('the image was deleted')), 300)
  await t.rejects(running, { message: 'the image was deleted' })
  t.strictSame(left(), [])
})
