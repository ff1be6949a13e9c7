/** What is found in the first bytes of an image: `virtual_size`, and what is no image of its format. */
import * as made from '../../../helpers/image-headers.ts'
import { cases, create, createRaw, show, type Step, upload } from '../case.ts'

const MIB = 1024 ** 2
/** Bytes of which no format knows anything. */
const TEXT = Buffer.from('#!/bin/sh\n'.repeat(4000))
const BACKING_AT = 0x200n
const DATA_FILE = 1n << 2n
const UNKNOWN_FEATURE = 1n << 40n

const IMAGES: Readonly<Record<string, Buffer>> = {
  qcow2: made.qcow2(),
  vmdk: made.vmdk(),
  vhd: made.vhd(),
  vhdx: made.vhdx(),
  vdi: made.vdi(),
  iso: made.iso(),
  raw: TEXT,
}

/** Uploaded whole, in chunks and as a client sends it in pieces: it is the same image. */
function uploaded(diskFormat: string, bytes: Buffer): Step[] {
  return [createRaw({ disk_format: diskFormat }), upload(bytes), show()]
}

const known = Object.entries(IMAGES).flatMap(([format, bytes]): [string, Step[]][] => [
  [`${format} as what it is`, uploaded(format, bytes)],
  [`${format} in chunks`, [createRaw({ disk_format: format }), upload(bytes, { chunked: true }), show()]],
  [
    `${format} in a container`,
    [create({ disk_format: format, container_format: 'ovf' }), upload(bytes), show()],
  ],
  [`nothing as ${format}`, uploaded(format, Buffer.alloc(0))],
])

/** Glance 25.1 looks at what an image says it is, and takes it whatever it finds. */
const other = Object.keys(IMAGES)
  .filter((format) => format !== 'raw')
  .flatMap((format): [string, Step[]][] => [
    [`a text as ${format}`, uploaded(format, TEXT)],
    [`${format} as raw`, uploaded('raw', IMAGES[format]!)],
    [`${format} cut short`, uploaded(format, IMAGES[format]!.subarray(0, 30))],
  ])

export default cases('formats', {
  ...Object.fromEntries([...known, ...other]),
  'a qcow2 with a backing file': uploaded('qcow2', made.qcow2({ backingAt: BACKING_AT })),
  'a qcow2 with a data file': uploaded('qcow2', made.qcow2({ features: DATA_FILE })),
  'a qcow2 with an unknown feature': uploaded('qcow2', made.qcow2({ features: UNKNOWN_FEATURE })),
  'a qcow2 of the older version': uploaded('qcow2', made.qcow2({ version: 2 })),
  'a vmdk of several files': uploaded(
    'vmdk',
    made.vmdk({ descriptor: made.vmdkDescriptor('monolithicFlat') }),
  ),
  'a vhd that was resized': uploaded('vhd', made.vhd(BigInt(MIB))),
  'a raw image with a table of partitions': uploaded('raw', made.mbr(made.LINUX)),
  'a format that is not looked at': uploaded('aki', TEXT),
})
