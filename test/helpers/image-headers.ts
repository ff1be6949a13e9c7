/** Small images of each format, made by hand from their documents: all that an inspector looks at, and little more. */
const SECTOR_BYTES = 512
const KIB = 1024
const VMDK_IN_FOOTER = 0xffff_ffff_ffff_ffffn
const METADATA_REGION = guid('8B7CA206-4790-4B9A-B8FE-575F050F886E')
const BAT_REGION = guid('2DC27766-F623-4200-9D64-115E9BFD4A08')
const VIRTUAL_DISK_SIZE = guid('2FA54224-CD1B-4876-B211-5DBED83BF4B8')
const FILE_PARAMETERS = guid('CAA16737-FA36-4D43-B3B6-33F0AA44E76B')

/** What all of them say of their disk, unless asked for something else. */
export const DISK_BYTES = 3 * KIB ** 3

export function qcow2({
  version = 3,
  size = BigInt(DISK_BYTES),
  backingAt = 0n,
  features = 0n,
} = {}): Buffer {
  const image = Buffer.alloc(SECTOR_BYTES)
  image.write('QFI\xfb', 'latin1')
  image.writeUInt32BE(version, 4)
  image.writeBigUInt64BE(backingAt, 8)
  image.writeUInt32BE(16, 20)
  image.writeBigUInt64BE(size, 24)
  image.writeBigUInt64BE(features, 72)
  return image
}

export function qed(): Buffer {
  return Buffer.concat([Buffer.from('QED\0', 'latin1'), Buffer.alloc(508)])
}

/** `resized`: what it was made as is another size than what it is now. */
export function vhd(resizedTo = BigInt(DISK_BYTES)): Buffer {
  const image = Buffer.alloc(SECTOR_BYTES)
  image.write('conectix')
  image.writeBigUInt64BE(BigInt(DISK_BYTES), 40)
  image.writeBigUInt64BE(resizedTo, 48)
  return image
}

export function vdi(): Buffer {
  const image = Buffer.alloc(SECTOR_BYTES)
  image.write('<<< Oracle VM VirtualBox Disk Image >>>\n')
  image.writeUInt32LE(0xbeda107f, 0x40)
  image.writeBigUInt64LE(BigInt(DISK_BYTES), 0x170)
  return image
}

/** Both tables have another entry in front of the one that counts. */
export function vhdx({ regions = 2, metadataAt = KIB ** 2, itemAt = 64 * KIB } = {}): Buffer {
  const image = Buffer.alloc(Math.max(metadataAt, KIB ** 2) + 64 * KIB + SECTOR_BYTES)
  image.write('vhdxfile')
  const table = image.subarray(192 * KIB)
  table.write('regi')
  table.writeUInt32LE(regions, 8)
  BAT_REGION.copy(table, 16)
  METADATA_REGION.copy(table, 48)
  table.writeBigUInt64LE(BigInt(metadataAt), 64)
  const metadata = image.subarray(metadataAt)
  metadata.write('metadata')
  metadata.writeUInt16LE(2, 10)
  FILE_PARAMETERS.copy(metadata, 32)
  VIRTUAL_DISK_SIZE.copy(metadata, 64)
  metadata.writeUInt32LE(itemAt, 80)
  metadata.writeUInt32LE(8, 84)
  metadata.writeBigUInt64LE(BigInt(DISK_BYTES), Math.min(itemAt, metadata.length - 8))
  return image
}

export function vmdkDescriptor(
  createType = 'monolithicSparse',
  extent = 'RW 6291456 SPARSE "disk.vmdk"',
): string {
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=68c0a3d2',
    'parentCID=ffffffff',
    `createType="${createType}"`,
    '',
    '# Extent description',
    extent,
    '',
    'ddb.adapterType = "ide"',
    '',
  ].join('\n')
}

export interface VmdkParts {
  descriptor?: string
  descriptorSectors?: bigint
  sectors?: bigint
  /** Changes the footer of a streamOptimized image; null leaves it out. */
  footer?: ((footer: Buffer) => void) | null
}

/** With a footer when `footer` is given. */
export function vmdk({
  descriptor = vmdkDescriptor(),
  descriptorSectors = 20n,
  sectors,
  footer,
}: VmdkParts = {}): Buffer {
  const header = Buffer.alloc(SECTOR_BYTES)
  header.write('KDMV')
  header.writeUInt32LE(1, 4)
  header.writeBigUInt64LE(sectors ?? BigInt(DISK_BYTES / SECTOR_BYTES), 12)
  header.writeBigUInt64LE(128n, 20)
  header.writeBigUInt64LE(1n, 28)
  header.writeBigUInt64LE(descriptorSectors, 36)
  const text = Buffer.alloc(20 * SECTOR_BYTES)
  text.write(descriptor)
  if (footer === undefined) return Buffer.concat([header, text])
  const behind = Buffer.from(header)
  behind.writeBigUInt64LE(1n, 56)
  footer?.(behind)
  header.writeBigUInt64LE(VMDK_IN_FOOTER, 56)
  const end = footer === null ? [] : [vmdkMarker(3), behind, vmdkMarker(0)]
  return Buffer.concat([header, text, Buffer.alloc(SECTOR_BYTES, 7), ...end])
}

function vmdkMarker(type: number): Buffer {
  const marker = Buffer.alloc(SECTOR_BYTES)
  marker.writeUInt32LE(type, 12)
  return marker
}

/** With the boot sector of a hybrid image when `boot` is given. */
export function iso({
  identifier = 'CD001',
  type = 1,
  boot,
}: { identifier?: string; type?: number; boot?: Buffer } = {}): Buffer {
  const image = Buffer.alloc(34 * KIB)
  boot?.copy(image)
  const descriptor = image.subarray(32 * KIB)
  descriptor[0] = type
  descriptor.write(identifier, 1)
  descriptor.writeUInt32LE(DISK_BYTES / 2048, 80)
  descriptor.writeUInt16LE(2048, 128)
  return image
}

/** Four entries: [boot flag, type, start, first block]. */
export type Partition = [boot: number, type: number, start: number[], block: number]
export const PROTECTIVE: Partition = [0x00, 0xee, [0x00, 0x02, 0x00], 1]
export const LINUX: Partition = [0x80, 0x83, [0x20, 0x21, 0x00], 2048]

export function mbr(...partitions: Partition[]): Buffer {
  const image = Buffer.alloc(SECTOR_BYTES)
  for (const [index, [boot, type, start, block]] of partitions.entries()) {
    const entry = image.subarray(446 + 16 * index)
    entry.set([boot, ...start, type])
    entry.writeUInt32LE(block, 8)
  }
  image.writeUInt16LE(0xaa55, 510)
  return image
}

/** The header, and `payloadBytes` of what it encrypts. */
export function luks({ version = 1, payloadBytes = KIB } = {}): Buffer {
  const image = Buffer.alloc(8 * SECTOR_BYTES + payloadBytes)
  image.write('LUKS\xba\xbe', 'latin1')
  image.writeUInt16BE(version, 6)
  image.writeUInt32BE(8, 104)
  return image
}

function guid(text: string): Buffer {
  const hex = text.replaceAll('-', '')
  const swapped = [6, 4, 2, 0, 10, 8, 14, 12].map((at) => hex.slice(at, at + 2)).join('')
  return Buffer.from(swapped + hex.slice(16), 'hex')
}
