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
    '-- MySQL dump 10.19',
    '/*!40101 SET NAMES utf8mb4 */;',
    ...create('images', IMAGE_COLUMNS),
    `INSERT INTO \`images\` ${insert}${[row(ID, String.raw`'it\'s \"x\"; ü\\n\n);'`), row(OTHER, "'gone'", 1)].join(separator)};`,
    ...Object.entries(OTHER_TABLES).flatMap(([table, columns]) => create(table, columns)),
    `INSERT INTO \`image_properties\` VALUES (1,'${ID}','a','v, (1)',0),(2,'${ID}','b',NULL,0),(3,'${ID}','c','x',1);`,
    `INSERT INTO \`image_members\` VALUES ('${ID}','m1','2020-01-02 03:04:05',NULL,0,'accepted');`,
    `INSERT INTO \`image_tags\` VALUES ('${ID}',_binary 't''1',0),('${ID}',0x7432,0);`,
    `INSERT INTO \`image_locations\` VALUES ('${ID}','file:///x/${ID}',0,'{\\"store\\": \\"a\\"}','active'),('${ID}','http://h/x',0,'{}','pending_delete');`,
    'INSERT INTO `tasks` VALUES (1);',
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

t.test('what is no whole dump is refused', async (t) => {
  const whole = dump(',', 'VALUES ')
  const directory = t.testdir({
    'cut.sql': whole.slice(0, whole.indexOf("'t''1'")),
    'other.sql': 'CREATE TABLE `users` (\n  `id` int\n);\n',
  })
  await t.rejects(readMysqlDump(join(directory, 'cut.sql')), /cut off|no table/)
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
