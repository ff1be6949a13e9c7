/** The rule language of oslo.policy, Glance's rules, and the files that change them. */
import fc from 'fast-check'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type Check, holds } from '../../../api/auth/policy/policy-check.ts'
import { parseRule } from '../../../api/auth/policy/policy-language.ts'
import { buildRules } from '../../../api/auth/policy/policy-rules.ts'
import { PolicyWatch } from '../../../api/auth/policy/policy-watch.ts'
import { Policy } from '../../../api/auth/policy/policy.ts'
import { parsePropertyProtections } from '../../../api/auth/policy/property-protections.ts'
import { pythonPattern } from '../../../api/auth/policy/python-pattern.ts'
import { silentLog, type Log } from '../../../cluster/runtime.ts'
import { recordTarget } from '../../../node/images/image-policy.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import {
  admin,
  callerOf,
  imageOf,
  memberOf,
  owner,
  reader,
  stranger,
} from '../../node/images/image-fixture.ts'

const DEFAULTS = { enforceNewDefaults: true, enforceScope: true }

const target = (attributes: Record<string, string>) => (name: string) => attributes[name] ?? null
const ask = (rule: unknown, attributes: Record<string, string> = {}, credentials = {}) =>
  holds(parseRule(rule), {
    credentials: {
      roles: ['member'],
      project_id: 'p',
      is_admin: false,
      user: { groups: ['g1', 'g2'] },
      ...credentials,
    },
    target: target(attributes),
    rules: new Map<string, Check>([['yes', parseRule('@')]]),
  })

t.test('what rules mean', async (t) => {
  const cases: [rule: unknown, answer: boolean][] = [
    ['', true],
    ['@', true],
    ['!', false],
    [[], true],
    [[[]], false],
    [[['role:admin'], ['role:member', 'project_id:p']], true],
    [['role:admin', 'role:member'], true],
    ['role:MEMBER', true],
    ['role:%(wanted)s', true],
    ['role:%(missing)s', false],
    ['rule:yes', true],
    ['is_admin:True', false],
    ['is_admin:False', true],
    ['project_id:%(project_id)s', true],
    ['project_id:%(missing)s', false],
    ['no_such:thing', false],
    ["'public':%(visibility)s", true],
    ['"public":%(visibility)s', true],
    ['None:%(owner)s', true],
    ['True:%(protected)s', true],
    ['7:%(min_disk)s', true],
    ['user.groups:g2', true],
    ['user.groups:g3', false],
    ["'100%':100%%", true],
    // "and" binds closer than "or", "not" closer than both, whatever their case.
    ['@ or ! and !', true],
    ['(@ or !) and !', false],
    ['! and ! or @', true],
    ['not ! and !', false],
    ['NOT (! And !) OR !', true],
    ['not not @', true],
    ['  (((@)))  ', true],
  ]
  const attributes = {
    wanted: 'Member',
    project_id: 'p',
    visibility: 'public',
    owner: 'None',
    protected: 'True',
  }
  for (const [rule, answer] of cases)
    t.equal(ask(rule, { ...attributes, min_disk: '7' }), answer, JSON.stringify(rule))
})

t.test('a credential that the caller lacks matches nothing, not even "None"', async (t) => {
  t.notOk(ask('project_id:%(owner)s', { owner: 'None' }, { project_id: null }))
})

t.test('what cannot be read is refused with a reason', async (t) => {
  for (const [rule, reason] of [
    ['role', /form KIND:MATCH/],
    ['http://policy.example/', /ask a server/],
    ['https:%(x)s', /ask a server/],
    ['role:admin role:member', /"and" or "or" is missing/],
    ['role:admin and', /a check is missing before its end/],
    ['or role:admin', /a check is missing before "or"/],
    ['(role:admin', /"\)" is missing/],
    ['role:admin)', /missing before "\)"/],
    ['()', /a check is missing/],
    ["'a':'b'x%", /begins neither/],
    ['role:%(x)d', /begins neither/],
    ["don't:x", /neither the name/],
    [null, /"@" for everybody/],
    [true, /a rule is a text/],
    [{ a: 1 }, /a rule is a text/],
    [[[1]], /lists of lists/],
    ['('.repeat(100) + '@' + ')'.repeat(100), /nested/],
  ] as const)
    t.throws(() => parseRule(rule), { message: reason }, JSON.stringify(rule))
})

t.test('no text makes the parser do anything but answer or refuse', async () => {
  const word = fc.constantFrom(
    '(',
    ')',
    'and',
    'or',
    'not',
    '@',
    '!',
    'role:a',
    'rule:b',
    "'x':%(y)s",
    'x',
    '%',
    "'",
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 4 })), { maxLength: 30 }), (words) => {
      for (const text of [words.join(' '), words.join('')]) {
        try {
          parseRule(text)
        } catch (error) {
          if (error instanceof RangeError || error instanceof TypeError) throw error
        }
      }
    }),
  )
})

t.test("Glance's defaults", async (t) => {
  const rights = (caller: typeof owner, image = imageOf()) =>
    ['get_image', 'modify_image', 'download_image', 'add_member', 'modify_member', 'publicize_image'].filter(
      (rule) => defaultPolicy.allows(rule, caller, recordTarget(image, caller.projectId)),
    )
  const open = imageOf({ visibility: 'public' })
  const hidden = imageOf({ visibility: 'private' })
  const shared = imageOf({ members: [memberOf('project-2', 'pending')] })
  t.strictSame(rights(owner), ['get_image', 'modify_image', 'download_image', 'add_member'])
  t.strictSame(rights(reader), ['get_image'])
  t.strictSame(rights(stranger, open), ['get_image', 'download_image'])
  t.strictSame(rights(stranger, hidden), [])
  t.strictSame(rights(stranger, shared), ['get_image', 'download_image', 'modify_member'])
  t.strictSame(rights(admin, hidden).length, 6)
  t.strictSame(rights(callerOf({ roles: [] }), open), [])
  t.strictSame(
    rights(callerOf({ projectId: null, systemScope: 'all', roles: ['admin'], isAdmin: true }), open),
    [],
  )
  t.throws(() => defaultPolicy.require('tasks_api_access', owner), { code: 'FORBIDDEN' })
  t.doesNotThrow(() => defaultPolicy.require('get_images', reader))
})

t.test('before secure RBAC owners need no role, and nobody else may change', async (t) => {
  const options = { enforceNewDefaults: false, enforceScope: false }
  const policy = new Policy(buildRules([{ name: 'delete_image', rule: '@', origin: 'f' }], options), options)
  const noRole = callerOf({ roles: [] })
  const may = (rule: string, caller: typeof owner) =>
    policy.allows(rule, caller, recordTarget(imageOf({ visibility: 'public' }), caller.projectId))
  t.ok(may('modify_image', noRole))
  t.ok(may('download_image', stranger))
  t.notOk(may('modify_image', stranger))
  t.notOk(may('delete_image', stranger), 'whatever the file says')
  t.notOk(may('publicize_image', owner))
  t.ok(may('add_member', noRole))
  for (const rule of ['add_member', 'delete_member']) t.notOk(may(rule, stranger), rule)
})

t.test('context_is_admin says who is an administrator', async (t) => {
  const options = { enforceNewDefaults: true, enforceScope: true }
  const written = [{ name: 'context_is_admin', rule: 'role:image_admin', origin: 'f' }]
  const policy = new Policy(buildRules(written, options), options)
  t.ok(policy.known(callerOf({ roles: ['image_admin'] })).isAdmin)
  t.notOk(policy.known(admin).isAdmin)
})

t.test('rules count as a whole or not at all', async (t) => {
  const build = (rules: Record<string, unknown>) =>
    buildRules(
      Object.entries(rules).map(([name, rule]) => ({ name, rule, origin: 'policy.yaml' })),
      { enforceNewDefaults: true },
    )
  t.throws(() => build({ get_image: 'rule:readers' }), {
    message: /policy.yaml: get_image: there is no rule readers/,
  })
  t.throws(() => build({ a: 'rule:b', b: 'not rule:a' }), { message: /a: it leads back to itself/ })
  t.throws(() => build({ get_image: 'nonsense', b: '(' }), { message: /get_image.*\n.*b: / })
  t.strictSame(
    build({ mine: '@', get_image: 'rule:mine', modfy_image: '!' }).unused.map(({ name }) => name),
    ['modfy_image'],
  )
})

t.test('files', async (t) => {
  const directory = t.testdir({ 'policy.yaml': '"get_image": "role:one"\n' })
  const file = join(directory, 'policy.yaml')
  const log: string[] = []
  const note: Log = {
    ...silentLog,
    error: (fields) => log.push(JSON.stringify(fields)),
    info: () => log.push('ok'),
  }
  const paths = { file, directories: [join(directory, 'policy.d')], protections: null }
  const options = { ...DEFAULTS, paths, protectionFormat: 'roles' as const }
  const clock = new ManualClock('2026-02-03T04:05:06.789Z')
  const watch = await PolicyWatch.open({ clock, log: note }, options)
  const mayGet = (role: string) => watch.policy.allows('get_image', callerOf({ roles: [role] }), () => null)
  const write = async (text: string) => {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
    await watch.look()
  }

  t.ok(mayGet('one'))
  await write('get_image: role:two\n')
  t.strictSame([mayGet('one'), mayGet('two'), log.splice(0)], [false, true, ['ok']])

  for (const wrong of [
    'get_image: "role:three and"',
    'get_image: !',
    'get_image:',
    '- a',
    'a: b: c',
    '"a": @',
  ]) {
    await write(wrong)
    t.match(log.splice(0), [/policy\.yaml/], wrong)
    await watch.look()
    t.strictSame([mayGet('two'), mayGet('three'), log], [true, false, []], 'the rules from before, said once')
  }
  await t.rejects(PolicyWatch.open({ clock, log: note }, options), { name: 'PolicyError' })

  await write('{"get_image": "role:four"}')
  await mkdir(join(directory, 'policy.d'))
  await writeFile(join(directory, 'policy.d', 'a.yaml'), 'get_image: role:five')
  await watch.look()
  t.strictSame([mayGet('four'), mayGet('five')], [false, true], 'a later file counts')
  log.length = 0
  await rm(file)
  await watch.look()
  t.match(log, [/gone/])
  t.ok(mayGet('five'))
  await t.resolves(
    PolicyWatch.open({ clock, log: note }, { ...options, paths: { ...paths, directories: [] } }),
  )
})

const section = (name: string, [create, read, update, remove]: readonly string[]) =>
  `[${name}]\ncreate = ${create}\nread = ${read}\nupdate = ${update}\ndelete = ${remove}\n`

/** The first letters of what the caller may do. */
function rightsTo(policy: Policy, name: string, caller: typeof owner): string {
  const actions = ['create', 'read', 'update', 'delete'] as const
  return actions.map((action) => (policy.allowsProperty(action, name, caller) ? action[0] : '-')).join('')
}

t.test('property protections by roles', async (t) => {
  const text = [
    section('^x_billing_', ['Admin, billing', '@', 'admin', '!']),
    section('^x_all', ['@', '@', '@', '@']),
    section('^x_none$', ['!', '!', '!', '']),
    section('_hidden', ['member', 'admin', 'member', 'member']),
    section('^[a-w].*', ['member', 'member', 'member', 'member']),
  ].join('\n')
  const protections = parsePropertyProtections(text, { format: 'roles', origin: 'f' })
  const policy = new Policy(buildRules([], DEFAULTS), DEFAULTS, protections)
  t.equal(rightsTo(policy, 'x_billing_code', owner), '-r--')
  t.equal(rightsTo(policy, 'x_billing_code', admin), 'cru-')
  t.equal(rightsTo(policy, 'x_billing_code', callerOf({ roles: [], serviceRoles: ['billing'] })), 'cr--')
  t.equal(rightsTo(policy, 'x_all', callerOf({ roles: [] })), 'crud')
  t.equal(rightsTo(policy, 'x_none', admin), '----')
  t.equal(rightsTo(policy, 'my_hidden_thing', owner), 'c-ud', 'a pattern may be found anywhere in the name')
  t.equal(rightsTo(policy, 'architecture', owner), 'crud')
  t.equal(rightsTo(policy, 'architecture', callerOf({ roles: ['reader'] })), '----')
  t.equal(rightsTo(policy, 'y_other', admin), '----', 'what no section names is closed to everybody')
  t.equal(rightsTo(policy, 'os_glance_import_task', owner), 'crud', "the service's own marks are shown")
  t.equal(
    rightsTo(new Policy(buildRules([], DEFAULTS), DEFAULTS), 'y_other', callerOf({ roles: [] })),
    'crud',
  )
})

t.test('property protections by policies', async (t) => {
  const text = `[DEFAULT]\ndelete = !\n[.*]\ncreate: own\nREAD = @\nupdate = own\n`
  const protections = parsePropertyProtections(text, { format: 'policies', origin: 'f' })
  const written = [{ name: 'own', rule: 'role:keeper and project_id:project-1', origin: 'f' }]
  const policy = new Policy(
    buildRules(written, { ...DEFAULTS, extra: protections.rules }),
    DEFAULTS,
    protections,
  )
  t.equal(rightsTo(policy, 'a', owner), '-r--')
  t.equal(rightsTo(policy, 'a', callerOf({ roles: ['keeper'] })), 'cru-')
  t.equal(rightsTo(policy, 'a', callerOf({ roles: ['keeper'], projectId: 'project-2' })), '-r--')
  t.throws(() => buildRules([], { ...DEFAULTS, extra: protections.rules }), { message: /no rule own/ })
})

t.test('property protections that are wrong are named with their lines', async (t) => {
  const whole = ['@', '@', '@', '@']
  const cases: [text: string, problem: RegExp, format?: 'policies'][] = [
    ['create = @\n', /^f:1: create stands before the first section/],
    [`${section('a', whole)}[b\n`, /^f:6: a section header must end/],
    [`\n[a]\ncreate = @\nread = @\nupdate = @\n`, /^f:2: \[a\] does not say who may delete$/],
    [`${section('a', whole)}remove = @\n`, /^f:6: "remove" is none of create, read, update, delete$/],
    [section('a', ['@', '@, !', '@', '@']), /^f:3: "@" is everybody and "!" is nobody/],
    [section('(', whole), /^f:1: the pattern "\(" cannot be used: Unterminated group$/],
    [section('a++', whole), /^f:1: the pattern/],
    [section('a', ['x,y', '@', '@', '@']), /^f:2: one rule is named/, 'policies'],
    [section('a', whole) + section('a', whole), /^f:6: there is a section \[a\] already$/],
    [`[a]\n[(]\n`, /^f:1: .*create\nf:1: .*read\nf:1: .*\nf:1: .*\nf:2: /],
  ]
  for (const [text, message, format = 'roles'] of cases)
    t.throws(
      () => parsePropertyProtections(text, { format, origin: 'f' }),
      { name: 'PolicyError', message },
      text,
    )
})

t.test("patterns mean what they do in Python's re.search", async (t) => {
  const cases: [pattern: string, found: string[], not: string[]][] = [
    ['^x_.*', ['x_', 'x_a'], ['ax_']],
    ['[^x_.*]', ['xa'], ['x_', '']],
    ['\\w+', ['a', 'é', '_'], ['-', '']],
    ['^[\\w.-]+$', ['a.b-é', 'a\n'], ['a b']],
    ['^\\W$', ['-'], ['é']],
    ['\\Aa\\Z', ['a'], ['aa', 'a\n']],
    ['^a$', ['a', 'a\n'], ['a\nb', 'ab']],
    ['(?i)^hw_', ['HW_x'], ['xhw_']],
    ['(?P<k>a)(?P=k)', ['aa'], ['ab']],
    ['^[]x]$', [']', 'x'], ['y']],
    ['^[^]x]$', ['y'], [']', 'x']],
    ['^[[]$', ['['], ['']],
    ['a\\-b\\_', ['a-b_'], ['ab']],
    ['^\\d{2}$', ['12', '٣٤'], ['1']],
  ]
  for (const [pattern, found, not] of cases) {
    for (const text of found) t.ok(pythonPattern(pattern).test(text), `${pattern} in ${text}`)
    for (const text of not) t.notOk(pythonPattern(pattern).test(text), `${pattern} not in ${text}`)
  }
  for (const pattern of ['\\q', 'a*+', '(?>a)', '[\\W]', '(?x) a', '{'])
    t.throws(() => pythonPattern(pattern), pattern)
})

t.test('property protections are read again, together with the policy', async (t) => {
  const directory = t.testdir({
    'policy.yaml': 'one: "role:one"\n',
    protections: section('.*', ['one', 'one', 'one', 'one']),
  })
  const paths = {
    file: join(directory, 'policy.yaml'),
    directories: [],
    protections: join(directory, 'protections'),
  }
  const options = { ...DEFAULTS, paths, protectionFormat: 'policies' as const }
  const log: string[] = []
  const note: Log = { ...silentLog, error: (fields) => log.push(JSON.stringify(fields)) }
  const clock = new ManualClock('2026-02-03T04:05:06.789Z')
  const watch = await PolicyWatch.open({ clock, log: note }, options)
  const one = callerOf({ roles: ['one'] })
  t.equal(rightsTo(watch.policy, 'a', one), 'crud')
  await writeFile(paths.protections, section('.*', ['two', 'one', '!', '!']))
  await watch.look()
  t.match(log.splice(0), [/no rule two/])
  t.equal(rightsTo(watch.policy, 'a', one), 'crud', 'those from before')
  await writeFile(paths.file, 'one: "role:one"\ntwo: "role:two"\n')
  await watch.look()
  t.equal(rightsTo(watch.policy, 'a', one), '-r--')
  await rm(paths.protections)
  await watch.look()
  t.match(log, [/no such file/])
  t.equal(rightsTo(watch.policy, 'a', one), '-r--')
  await t.rejects(PolicyWatch.open({ clock, log: note }, options), {
    message: /no such file.*property_protection_file/,
  })
})
