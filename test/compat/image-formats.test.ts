/** Images that the real `qemu-img` makes: each is taken for what it is, and its disk is as large as qemu-img says. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UploadInspection } from '../../node/inspect/upload-inspection.ts'
import { runCommand } from '../helpers/run-command.ts'
import { ISO } from './bootable-image.ts'

const RULES = {
  requireImageFormatMatch: true,
  vmdkAllowedTypes: ['streamOptimized', 'monolithicSparse'],
  gptSafetyChecksNonfatal: [],
}

/** qemu-img's name of the format and its options; ours, and why it is refused, if it is. */
type Case = [diskFormat: string, format: string, options: string, refusal?: string]

const CASES: Case[] = [
  ['qcow2', 'qcow2', 'compat=1.1'],
  ['qcow2', 'qcow2', 'compat=0.10'],
  ['qcow2', 'qcow2', 'cluster_size=512'],
  ['qcow2', 'qcow2', 'lazy_refcounts=on,compression_type=zstd'],
  ['qcow2', 'qcow2', 'extended_l2=on', 'unknown_features'],
  ['qcow2', 'qcow2', 'data_file=disk.data', 'data_file'],
  ['qcow2', 'qcow2', `backing_file=${ISO},backing_fmt=raw`, 'backing_file'],
  ['vmdk', 'vmdk', 'subformat=monolithicSparse'],
  ['vmdk', 'vmdk', 'subformat=monolithicFlat', 'descriptor'],
  ['vmdk', 'vmdk', 'subformat=twoGbMaxExtentSparse', 'descriptor'],
  ['vmdk', 'vmdk', 'subformat=streamOptimized'],
  ['vhd', 'vpc', 'subformat=dynamic'],
  ['vhd', 'vpc', 'subformat=dynamic,force_size=on'],
  ['vhd', 'vpc', 'subformat=fixed', 'does not match the data, which is raw'],
  ['vhdx', 'vhdx', 'subformat=dynamic'],
  ['vhdx', 'vhdx', 'subformat=fixed'],
  ['vdi', 'vdi', 'static=off'],
  ['raw', 'raw', 'preallocation=off'],
  ['qcow2', 'qed', 'cluster_size=65536', 'does not match the data, which is qed'],
  ['raw', 'qed', 'cluster_size=65536', 'banned'],
]
/** Not a power of two. */
const DISK_SIZE = '37M'
const NO_CPU_TIME = 'Unable to get accurate CPU usage'
/** One of two fails on some virtual machines. */
const TIMING_TRIES_MAX = 50

async function qemuImg(directory: string, ...args: string[]): Promise<string> {
  // It makes some files beside the one that is asked for.
  const command = ['-C', directory, 'qemu-img', ...args]
  let { exitCode, stdout, stderr } = await runCommand('env', command)
  // Before it makes a key it times itself, and gives up where the kernel counts its time in ticks.
  for (let tries = 1; stderr.includes(NO_CPU_TIME) && tries < TIMING_TRIES_MAX; tries++)
    ({ exitCode, stdout, stderr } = await runCommand('env', command))
  if (exitCode !== 0) throw new Error(`qemu-img ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
  return stdout
}

async function virtualSizeOf(file: string, format: string): Promise<number> {
  const info = await qemuImg('/', 'info', '--output=json', '-f', format, file)
  return (JSON.parse(info) as { 'virtual-size': number })['virtual-size']
}

/** The size of the disk inside, or the refusal. */
async function inspect(file: string, diskFormat: string): Promise<number | null | string> {
  const inspection = new UploadInspection(diskFormat, RULES)
  const body = inspection.watch(createReadStream(file), Infinity)
  try {
    for await (const _ of body) continue
  } catch (error) {
    return String(error)
  }
  return inspection.virtualSizeOf((await stat(file)).size)
}

async function isAsQemuSays(t: Test, file: string, [diskFormat, format, , refusal]: Case): Promise<void> {
  const found = await inspect(file, diskFormat)
  if (refusal !== undefined) return void t.match(found, refusal)
  t.equal(found, await virtualSizeOf(file, format))
}

for (const wanted of CASES) {
  const [diskFormat, format, options] = wanted
  t.test(`${format} with ${options} as ${diskFormat}`, async (t) => {
    const directory = t.testdir()
    await qemuImg(directory, 'create', '-q', '-f', format, '-o', options, 'disk', DISK_SIZE)
    await isAsQemuSays(t, join(directory, 'disk'), wanted)
  })
}

t.test('a disk of content, in the formats that are written as a stream', async (t) => {
  const directory = t.testdir()
  for (const [format, options] of [
    ['qcow2', 'compat=1.1'],
    ['vmdk', 'subformat=streamOptimized'],
    ['vhdx', 'subformat=dynamic'],
  ] as const) {
    await qemuImg(directory, 'convert', '-f', 'raw', '-O', format, '-o', options, ISO, format)
    await isAsQemuSays(t, join(directory, format), [format, format, options])
  }
})

t.test('an ISO to boot from', async (t) => {
  t.equal(await inspect(ISO, 'iso'), (await stat(ISO)).size)
})

t.test('an encrypted disk', async (t) => {
  const directory = t.testdir()
  const secret = ['--object', 'secret,id=key,data=of-a-test']
  const options = 'key-secret=key,iter-time=10'
  await qemuImg(directory, 'create', '-q', ...secret, '-f', 'luks', '-o', options, 'disk', DISK_SIZE)
  await isAsQemuSays(t, join(directory, 'disk'), ['luks', 'luks', options])
})

t.test('a disk that grew', async (t) => {
  const directory = t.testdir()
  await qemuImg(directory, 'create', '-q', '-f', 'qcow2', 'disk', DISK_SIZE)
  await qemuImg(directory, 'resize', '-q', 'disk', '+16M')
  await isAsQemuSays(t, join(directory, 'disk'), ['qcow2', 'qcow2', ''])
})
