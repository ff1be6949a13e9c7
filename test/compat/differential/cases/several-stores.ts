/** Imports and copies to several stores, of which `broken` and `rotten` cannot be used. */
import {
  type Case,
  cases,
  createRaw,
  download,
  get,
  remove,
  request,
  show,
  type Step,
  upload,
} from '../case.ts'
import {
  admin,
  copy,
  direct,
  ended,
  endedTasks,
  endedTo,
  HELLO,
  importOf,
  stage,
  uploadsTo,
  web,
} from './imports.ts'

const ANY = { all_stores_must_succeed: false }

/** Who fails where, by the stores that are asked for. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  'a first that fails': ['broken', 'second'],
  'a last that fails': ['second', 'broken'],
  'the default, and one that fails': ['main', 'broken'],
  'one that fails before the default': ['broken', 'main'],
  'one in the midst': ['second', 'broken', 'main'],
}

const begun: Readonly<Record<string, readonly Step[]>> = {
  'from the web': [createRaw()],
  staged: [createRaw(), stage(HELLO)],
}
const methods = { 'from the web': web, staged: direct }

const imports = Object.entries(methods).flatMap(([how, method]): [string, Step[]][] =>
  Object.entries(WAYS).map(([name, stores]) => [
    `${how}, to ${name}`,
    [
      ...begun[how]!,
      importOf({ ...method, ...ANY, stores }),
      ended('active'),
      endedTasks,
      download(),
      remove(),
    ],
  ]),
)
const copied = (body: object): Step[] => [
  createRaw({}, admin),
  upload(HELLO, admin),
  importOf({ ...copy, ...body }, admin),
  ...endedTo(admin),
  download(admin),
  remove(admin),
]
const copies = Object.entries(WAYS)
  .filter(([, stores]) => !stores.includes('main'))
  .map(([name, stores]): [string, Step[]] => [`copied to ${name}`, copied({ ...ANY, stores })])

export default cases('several stores', {
  'what there is': [get('/v2/info/stores'), get('/v2/info/stores/detail', admin)],
  ...Object.fromEntries([...imports, ...copies]),
  'from the web, to one that fails': [
    createRaw(),
    importOf({ ...web, ...ANY, stores: ['broken'] }),
    ...endedTo(),
    download(),
    remove(),
  ],
  'from the web, where all must succeed': [
    createRaw(),
    importOf({ ...web, stores: ['second', 'broken'] }),
    ended('queued'),
    endedTasks,
    download(),
    importOf({ ...web, stores: ['second', 'main'] }),
    ended('active'),
    download(),
    remove(),
  ],
  'staged, where all must succeed': [
    createRaw(),
    stage(HELLO),
    importOf({ ...direct, stores: ['second', 'broken'] }),
    ...endedTo(),
    download(),
    remove(),
  ],
  'from the web, to two that fail': [
    createRaw(),
    importOf({ ...web, ...ANY, stores: ['broken', 'rotten'] }),
    ...endedTo(),
    download(),
    remove(),
  ],
  'staged, to one that fails': [
    createRaw(),
    stage(HELLO),
    importOf({ ...direct, ...ANY, stores: ['broken'] }),
    ...endedTo(),
    download(),
    remove(),
  ],
  'copied, where all must succeed': copied({ stores: ['second', 'broken'] }),
  'copied to one that fails': copied({ ...ANY, stores: ['broken'] }),
  'copied to two that fail': copied({ ...ANY, stores: ['broken', 'rotten'] }),
  'uploaded to one that fails': [createRaw(), ...uploadsTo('broken', 'second'), download(), remove()],
  'taken out of one of two': [
    createRaw({}, admin),
    upload(HELLO, admin),
    importOf({ ...copy, stores: ['second'] }, admin),
    ...endedTo(admin),
    request('DELETE', '/v2/stores/broken/{id}', admin),
    request('DELETE', '/v2/stores/main/{id}', admin),
    show(admin),
    request('DELETE', '/v2/stores/second/{id}', admin),
    download(admin),
    remove(admin),
  ],
}) satisfies Case[]
