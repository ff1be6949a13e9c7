import { join } from 'node:path'
import t from 'tap'
import { movedGlanceImage } from '../../../../node/cli/moving/glance-form.ts'
import { imagesIn } from '../../../../node/cli/moving/glance-tables.ts'
import { readMysqlDump } from '../../../../node/cli/moving/mysql-dump.ts'

const ID = '7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d10'
const OTHER = '7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d11'
const IMAGE_COLUMNS = [
  ...[
    'id',
    'name',
    'size',
    'status',
    'created_at',
    'updated_at',
    'deleted',
    'disk_format',
    'container_format',
  ],
  ...['checksum', 'owner', 'min_disk', 'min_ram', 'protected', 'virtual_size', 'visibility', 'os_hidden'],
  ...['os_hash_algo', 'os_hash_value'],
]
const OTHER_TABLES: Record<string, string[]> = {
  image_properties: ['id', 'image_id', 'name', 'value', 'deleted'],
  image_members: ['image_id', 'member', 'created_at', 'updated_at', 'deleted', 'status'],
  image_tags: ['image_id', 'value', 'deleted'],
  image_locations: ['image_id', 'value', 'deleted', 'meta_data', 'status'],
}

const create = (table: string, columns: readonly string[]) => [
  `CREATE TABLE \`${table}\` (`,
  ...columns.map((name) => `  \`${name}\` text NOT NULL,`),
  '  PRIMARY KEY (`id`)',
  ') ENGINE=InnoDB;',
]
const row = (id: string, name: string, deleted = 0) =>
  `('${id}',${name},5,'active','2020-01-02 03:04:05','2020-01-02 03:04:06',${deleted},'raw','bare','${'ab'.repeat(16)}','p',0,0,1,NULL,'shared',0,NULL,NULL)`

/** As mysqldump and mariadb-dump write it: all rows in one line, or one row a line. */
function dump(separator: string, insert: string): string {
  return [
    '-- MySQL dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)',
    '/*!40101 SET NAMES utf8mb4 */;',
    ...create('images', IMAGE_COLUMNS),
    `INSERT INTO \`images\` ${insert}${[row(ID, String.raw`'it\'s \"x\"; ü\\n\n);'`), row(OTHER, "'gone'", 1)].join(separator)};`,
    ...Object.entries(OTHER_TABLES).flatMap(([table, columns]) => create(table, columns)),
    `INSERT INTO \`image_properties\` VALUES (1,'${ID}','a','v, (1)',0),(2,'${ID}','b',NULL,0),(3,'${ID}','c','x',1);`,
    `INSERT INTO \`image_members\` VALUES ('${ID}','m1','2020-01-02 03:04:05',NULL,0,'accepted');`,
    `INSERT INTO \`image_tags\` VALUES ('${ID}',_binary 't''1',0),('${ID}',0x7432,0);`,
    `INSERT INTO \`image_locations\` VALUES ('${ID}','file:///x/${ID}',0,'{\\"store\\": \\"a\\"}','active'),('${ID}','http://h/x',0,'{}','pending_delete');`,
    'INSERT INTO `tasks` VALUES (1);',
    '-- Dump completed on 2026-01-01  0:00:00',
    '',
  ].join('\n')
}

t.test('a dump, in the forms in which it comes', async (t) => {
  const columns = `(${IMAGE_COLUMNS.map((name) => `\`${name}\``).join(', ')}) `
  for (const [separator, insert] of [
    [',', 'VALUES '],
    [',\n', 'VALUES\n'],
    [',', `${columns}VALUES `],
  ]) {
    const directory = t.testdir({ 'dump.sql': dump(separator!, insert!) })
    const [image, ...others] = imagesIn(await readMysqlDump(join(directory, 'dump.sql')))
    t.strictSame(others, [])
    t.strictSame(image!.locations, [{ url: `file:///x/${ID}`, metadata: { store: 'a' } }])
    t.match(movedGlanceImage({ ...image!, hasBytes: true }), {
      id: ID,
      name: 'it\'s "x"; ü\\n\n);',
      protected: true,
      size: 5,
      virtualSize: null,
      createdAt: '2020-01-02T03:04:05Z',
      properties: { a: 'v, (1)', b: null },
      tags: ["t'1", 't2'],
      members: [{ memberId: 'm1', status: 'accepted', updatedAt: '2020-01-02T03:04:05Z' }],
      hasBytes: true,
      locations: [],
    })
  }
})

t.test('separators of lines within texts, and other words for an insert', async (t) => {
  const texts = ['a\u2028b', 'c\u2029d;\u2028', 'e\u0085f;\r', '𝒰 %s \\\u2028']
  for (const insert of [
    'INSERT INTO',
    'INSERT  IGNORE INTO',
    'REPLACE INTO',
    'INSERT DELAYED  IGNORE INTO',
  ]) {
    const written = texts.map((value, at) => {
      const text = value.replaceAll('\\', '\\\\').replaceAll('\r', '\\r')
      return `(${10 + at},'${ID}','t${at}','${text}',0)`
    })
    const whole = dump(',', 'VALUES ')
      .replace("(1,'", `${written.join(',')},(1,'`)
      .replaceAll('INSERT INTO', insert)
    const directory = t.testdir({ 'dump.sql': whole })
    const [image] = imagesIn(await readMysqlDump(join(directory, 'dump.sql')))
    t.match(image!.properties, Object.fromEntries(texts.map((value, at) => [`t${at}`, value])))
    t.equal(image!.tags.length, 2)
  }
})

t.test('of a dump of a whole server the database counts that has all tables', async (t) => {
  const glance = dump(',', 'VALUES ')
  const other = [
    'CREATE DATABASE /*!32312 IF NOT EXISTS*/ `zun`;',
    'USE `zun`;',
    ...create('images', ['uuid', 'repo']),
    "INSERT INTO `images` VALUES ('x','y');",
    'CREATE TABLE `help_topic` (',
    '  `text` text',
    ');',
    "INSERT INTO `help_topic` VALUES ('SET NAMES indicates latin1');",
  ]
  const [head = '', ...rest] = glance.split('\n')
  const all = [head, ...other, 'USE `glance`;', ...rest].join('\n')
  const twice = [head, 'USE `old_glance`;', ...rest, 'USE `glance`;', ...rest].join('\n')
  const directory = t.testdir({ 'all.sql': all, 'twice.sql': twice })
  const images = imagesIn(await readMysqlDump(join(directory, 'all.sql')))
  t.strictSame(
    images.map(({ id }) => id),
    [ID],
  )
  await t.rejects(readMysqlDump(join(directory, 'twice.sql')), /several .*: old_glance, glance\. Dump one/)
})

t.test('what is no whole dump is refused', async (t) => {
  const whole = dump(',', 'VALUES ')
  const directory = t.testdir({
    'cut.sql': whole.slice(0, whole.indexOf("'t''1'")),
    'rows.sql': whole.replaceAll(/^CREATE TABLE [^;]*;\n/gm, ''),
    'silent.sql': whole.slice(0, whole.indexOf('-- Dump completed')),
    'windows.sql': whole.replaceAll('\n', '\r\n'),
    'bare.sql': whole.replaceAll(/^--.*\n/gm, ''),
    'latin.sql': whole.replace('NAMES utf8mb4', 'NAMES latin1'),
    'bytes.sql': Buffer.from(whole.replace('ü', '\u00ff'), 'latin1'),
    'other.sql': 'CREATE TABLE `users` (\n  `id` int\n);\n',
  })
  await t.rejects(readMysqlDump(join(directory, 'cut.sql')), /cut off|no table/)
  await t.rejects(readMysqlDump(join(directory, 'rows.sql')), /which columns .* dump it with its definition/)
  await t.rejects(readMysqlDump(join(directory, 'silent.sql')), /"Dump completed": it was cut off/)
  await t.rejects(readMysqlDump(join(directory, 'latin.sql')), /latin1: .*--default-character-set=utf8mb4/)
  await t.rejects(readMysqlDump(join(directory, 'bytes.sql')), /not UTF-8: .*--default-character-set=utf8mb4/)
  t.equal(imagesIn(await readMysqlDump(join(directory, 'windows.sql'))).length, 1)
  t.equal(
    imagesIn(await readMysqlDump(join(directory, 'bare.sql'))).length,
    1,
    'as --skip-comments writes it',
  )
  await t.rejects(readMysqlDump(join(directory, 'other.sql')), /no dump of a Glance/)
})

t.test('what is under way in Glance is left out, and said', (t) => {
  const glance = { properties: {}, tags: [], members: [], locations: [], hasBytes: false }
  const left = (status: string) => movedGlanceImage({ ...glance, fields: { id: ID, name: 'n', status } })
  t.match(left('saving'), { isLoss: true, why: /uploaded/ })
  t.match(left('deleted'), { isLoss: false })
  t.match(left('active'), { isLoss: true, why: /visibility/ })
  t.end()
})
