/** The lines of `[cluster] initial_members`: who founds the cluster. */
import type { MemberNode, NodeRole } from '../../cluster/membership/cluster-config.ts'
import { formatHostPort, parseHostPort } from '../../cluster/network/address.ts'
import type { OptionType } from './option-types.ts'

/** The PeerId of an Ed25519 key: the key itself behind a fixed prefix, 38 bytes in base58. */
const NODE_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/
const ROLES: readonly NodeRole[] = ['voter', 'storage', 'edge']
const SETTINGS: readonly string[] = ['zone', 'weight', 'role']
const WEIGHT_DEFAULT = 1
/** More than any ratio of disks; keeps a slip of the finger from moving all data onto one node. */
const WEIGHT_MAX = 1000
/** A majority of an even number survives no more losses than that of the odd number below it (R10). */
const VOTER_COUNTS = [1, 3, 5, 7]

export const member: OptionType<MemberNode> = {
  description: 'NODE_ID@HOST:CONTROL_PORT[?zone=ZONE&weight=NUMBER&role=voter|storage|edge]',
  parse(value) {
    const [, id = '', where = '', query = ''] = /^([^@]*)@([^?]*)(?:\?(.*))?$/.exec(value.trim()) ?? []
    const settings = new URLSearchParams(query)
    const role = ROLES.find((known) => known === (settings.get('role') ?? 'voter'))
    const weight = Number(settings.get('weight') ?? WEIGHT_DEFAULT)
    const zone = settings.get('zone')
    const isValid =
      NODE_ID.test(id) &&
      role !== undefined &&
      zone !== '' &&
      weight > 0 &&
      weight <= WEIGHT_MAX &&
      [...settings.keys()].every((key) => SETTINGS.includes(key))
    if (!isValid) throw new Error(this.description)
    return { id, address: parseAddress(where, this.description), role, zone, weight }
  },
}

/** What is wrong with the list as a whole, in words. */
export function memberListProblems(members: readonly MemberNode[]): string[] {
  const problems: string[] = []
  for (const key of ['id', 'address'] as const) {
    const twice = members.find(
      (node, index) => members.findIndex((other) => other[key] === node[key]) < index,
    )
    if (twice !== undefined) problems.push(`two members have the ${key} ${twice[key]}`)
  }
  const voters = members.filter((node) => node.role === 'voter').length
  if (members.length > 0 && !VOTER_COUNTS.includes(voters)) {
    problems.push(`there must be ${VOTER_COUNTS.join(', ')} voters, not ${voters}`)
  }
  return problems
}

function parseAddress(text: string, description: string): string {
  try {
    return formatHostPort(parseHostPort(text))
  } catch (error) {
    throw new Error(description, { cause: error })
  }
}
