/**
 * Images are moved out of what mysqldump wrote of the MariaDB of a real Glance, in the forms that operators make it in, and the
 * files of its store. Run by its name, or with SERAC_PROBE=full.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DevCluster } from '../../deploy/dev/dev-cluster.ts'
import { ImageClient } from '../helpers/image-client.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { clientCluster } from './client-cluster.ts'
import { asMoved, fillGlance, shownBy } from './moving/glance-gallery.ts'
import { SeracCommand } from './moving/serac-command.ts'
import { OPEN_GLANCE, RealGlance } from './real-glance.ts'
import { RealMariadb } from './real-mariadb.ts'

const BULK = isFullForm ? 500 : 12
const SIZE_BYTES = 100_000
/** What separates lines for some, and ends statements. */
const ODD = ['a\u2028b;\u2028c\u2029d\u0085e', "\\'; -- \\\\", '0x41', 'NULL', '', ' x ', 'a\\%b\\_c']

t.setTimeout(900_000)
const mariadb = await RealMariadb.start(t)
const glance = await RealGlance.start(t, [
  { section: 'database', name: 'connection', value: mariadb.url },
  ...OPEN_GLANCE,
])
// Without a token there are no roles, which these rules ask for.
const FOR_ALL = ['publicize_image', 'communitize_image', 'deactivate', 'modify_member', 'get_image_location']
await writeFile(join(glance.directory, 'policy.yaml'), FOR_ALL.map((rule) => `"${rule}": ""\n`).join(''))
await mariadb.execute(['alter table image_properties modify value text character set utf8mb4'])
const there = new ImageClient(glance.url)
const gallery = await fillGlance(glance, BULK, SIZE_BYTES, there, (statements) => mariadb.execute(statements))
const odd = Object.fromEntries(ODD.map((value, at) => [`odd_${at}`, value]))
gallery.all.push(await there.newImage({ name: 'odd', owner: 'p1', four_bytes: '', ...odd }))
// Glance itself takes no such characters; what else writes its database may.
await mariadb.execute(["update image_properties set value = '𝒰🙂' where name = 'four_bytes'"])
const directory = t.testdir()

const FORMS: Record<string, [program: string, ...options: string[]]> = {
  'as the documents have it': ['mysqldump', '--single-transaction', 'glance'],
  'with all names, a row each, and bytes in hexadecimal': [
    'mariadb-dump',
    '--single-transaction',
    '--complete-insert',
    '--skip-extended-insert',
    '--hex-blob',
    'glance',
  ],
  'of the whole server, to be loaded over another': [
    'mariadb-dump',
    '--single-transaction',
    '--all-databases',
    '--routines',
    '--events',
    '--insert-ignore',
  ],
  'without comments and locks': ['mysqldump', '--compact', '--replace', '--databases', 'glance'],
}

for (const [form, [program, ...options]] of Object.entries(FORMS))
  t.test(form, async (t) => {
    const path = join(directory, 'dump.sql')
    await mariadb.dump(path, program, options)
    const cluster = await clientCluster(t, [], 1)
    const source = ['import-glance', '--database', path, '--store', join(glance.directory, 'images')]
    const target = ['-f', 'json', '--url', cluster.node(0).operatorUrl]
    const report = await new SeracCommand(...source, ...target).report()
    t.match(report, { attention: [], exitCode: 0, counts: { moved: gallery.all.length } })
    await isLikeGlance(t, cluster)
    const again = await new SeracCommand(...source, ...target).report()
    t.match(again, { exitCode: 0, bytesSent: 0, counts: { present: gallery.all.length } })
  })

async function isLikeGlance(t: Test, cluster: DevCluster): Promise<void> {
  const here = new ImageClient(cluster.node(0).apiUrl)
  for (const id of gallery.all) t.strictSame(await shownBy(here, id), asMoved(await shownBy(there, id)))
}
