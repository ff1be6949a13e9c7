/** How a node that has an invite finds the cluster where nobody has told it an address. */
import { formatHostPort, parseHostPort } from '../../cluster/network/address.ts'
import { PUBLIC_BOOTSTRAP } from '../../cluster/network/swarm-port.ts'
import { option } from './option.ts'
import { list, type OptionType, port } from './option-types.ts'

const place: OptionType<string> = {
  description: `HOST:PORT or ${PUBLIC_BOOTSTRAP}`,
  parse(value) {
    if (value === PUBLIC_BOOTSTRAP) return value
    try {
      return formatHostPort(parseHostPort(value))
    } catch (error) {
      throw new Error(this.description, { cause: error })
    }
  },
}

export const RENDEZVOUS_OPTIONS = {
  rendezvous_bootstrap: option(
    list(place),
    '',
    'Nodes of a hash table (hyperswarm) in which nodes that were invited find the voters, wherever these are by then: one to ' +
      'three controllers with their rendezvous_port, the same on all nodes. Such an invite names no voter. public: the hash ' +
      'table of the Internet, which then sees that and when a cluster invites, and the addresses of its nodes. Nothing: ' +
      'invites name the voters, and nobody is looked for.',
  ),
  rendezvous_port: option(
    port,
    '9296',
    'UDP port of the rendezvous, where rendezvous_bootstrap is set. For the networks that nodes may come from, IPv4 only.',
  ),
}
