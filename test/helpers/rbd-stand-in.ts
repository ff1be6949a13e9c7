/**
 * As much of `rbd` and `rados` as an image store asks for, over a directory: shell scripts that end as the real ones do. Before
 * each command they run what a test has written for it, so that it can fail, hang, or tell something else.
 */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

const COMMON = `#!/bin/sh
here=$(dirname "$0")
while case "$1" in --conf|--id|--client_mount_timeout|--pool) true;; *) false;; esac; do shift 2; done
command=$1; shift
for last; do :; done
image=$here/images/\${last#images/}; image=\${image%@snap}
echo "$command $*" >> "$here/calls"
fail() { echo "rbd: $command failed: ($1) $2" >&2; exit "$1"; }
. "$here/fault"
`

const RBD = `${COMMON}
there() { [ -e "$image" ] || fail 2 "No such file or directory"; }
snap() { there; [ -e "$image@snap" ] || fail 2 "No such file or directory"; }
case "$command" in
import) [ ! -e "$image" ] || fail 17 "File exists"; cat > "$image" ;;
export) for first; do case "$first" in images/*) break;; esac; done
  image=$here/\${first%@snap}; snap; exec cat "$image" ;;
snap) case "$1" in
  create) there; : > "$image@snap" ;;
  protect) snap; : > "$image@protected" ;;
  unprotect) snap; [ ! -e "$image@clone" ] || fail 16 "Device or resource busy"
    [ -e "$image@protected" ] || fail 22 "Invalid argument"; rm "$image@protected" ;;
  rm) snap; rm "$image@snap" ;;
  esac ;;
rm) there; [ ! -e "$image@snap" ] || fail 39 "Directory not empty"; rm -f "$image" "$image@changed" ;;
children) snap; if [ -e "$image@clone" ]; then echo '[{"image":"clone"}]'; else echo '[]'; fi ;;
diff) snap; if [ -e "$image@changed" ]; then echo '[{"offset":0}]'; else echo '[]'; fi ;;
info) snap
  echo "{\\"size\\":$(stat -c %s "$image"),\\"object_size\\":4096,\\"block_name_prefix\\":\\"rbd_data.$(basename "$image")\\"}" ;;
namespace) echo '[]' ;;
esac
`

const RADOS = `${COMMON}
name=\${1#rbd_data.}; index=\${name##*.}; name=\${name%.*}
dd if="$here/images/$name" of="$here/object.$$" bs=4096 skip=$(printf %d 0x$index) count=1 2>/dev/null
trap 'rm -f "$here/object.$$"' EXIT
if [ "$(tr -d '\\0' < "$here/object.$$" | wc -c)" = 0 ]; then
  echo "error getting images/rbd_data.$name.$index: (2) No such file or directory" >&2; exit 1
fi
cat "$here/object.$$"
`

export class RbdStandIn {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  static async start(t: Test): Promise<RbdStandIn> {
    const standIn = new RbdStandIn(await mkdtemp(join(tmpdir(), 'serac-rbd-')))
    t.teardown(() => rm(standIn.directory, { recursive: true, force: true }))
    await mkdir(join(standIn.directory, 'images'))
    await standIn.fault('')
    for (const [name, script] of Object.entries({ rbd: RBD, rados: RADOS })) {
      await writeFile(join(standIn.directory, name), script)
      await chmod(join(standIn.directory, name), 0o755)
    }
    return standIn
  }

  get tools(): { rbd: string; rados: string } {
    return { rbd: join(this.directory, 'rbd'), rados: join(this.directory, 'rados') }
  }

  /** Shell that is run before each command: it knows `$command` and `fail NUMBER TEXT`. */
  async fault(script: string): Promise<void> {
    await writeFile(join(this.directory, 'fault'), script)
  }

  /** Of an image: that it has a clone, or was changed since its snapshot. */
  async mark(name: string, mark: 'clone' | 'changed'): Promise<void> {
    await writeFile(join(this.directory, 'images', `${name}@${mark}`), '')
  }

  async unmark(name: string, mark: 'clone' | 'changed'): Promise<void> {
    await rm(join(this.directory, 'images', `${name}@${mark}`))
  }

  /** Names of images, with their snapshots and marks. */
  async files(): Promise<string[]> {
    return readdir(join(this.directory, 'images'))
  }

  /** Commands with their arguments, in order, since the last question. */
  async calls(): Promise<string[]> {
    const path = join(this.directory, 'calls')
    const text = await readFile(path, 'utf8').catch(() => '')
    await rm(path, { force: true })
    return text.split('\n').filter((line) => line !== '')
  }
}
