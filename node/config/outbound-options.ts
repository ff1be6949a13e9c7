/** What this node may fetch for its users, and how: Glance's names and defaults, and addresses of our own. */
import { addressList } from '../outbound/special-addresses.ts'
import { option, optional } from './option.ts'
import { boolean, choice, list, path, port, text, type OptionType } from './option-types.ts'

const network: OptionType<string> = {
  description: 'addresses or networks (10.0.0.0/8)',
  parse(value) {
    try {
      addressList([value])
      return value
    } catch {
      throw new Error(this.description)
    }
  },
}

/** The other store. */
const HTTP_STORE = 'http'

const storeId: OptionType<string> = {
  description: `a name of letters, digits, _ and -, other than ${HTTP_STORE}`,
  parse(value) {
    if (!/^[\w-]{1,64}$/.test(value) || value === HTTP_STORE) throw new Error(this.description)
    return value
  },
}

export const STORE_OPTIONS = {
  stores: option(
    list(choice('cluster', HTTP_STORE)),
    'cluster',
    'Where the bytes of images may be. cluster: on these nodes, always. http: also behind the http(s) URLs that callers ' +
      'name as locations, within [import_filtering_opts]; nothing is ever written there.',
  ),
  default_backend: option(
    storeId,
    'cluster',
    'Where images go when nobody names a store: the id of one of enabled_backends. Any other name is what the cluster, which is ' +
      'the default then, is called where clients name stores; otherwise it is called cluster. An operator who comes from ' +
      'Glance keeps the name of the store that clients know.',
  ),
  https_ca_certificates_file: optional(
    path,
    'Authorities that vouch for https locations, in PEM; unset: those that Node.js knows.',
  ),
  https_insecure: option(boolean, 'false', 'Believe any https location. In Glance this is the default.'),
}

export const IMPORT_FILTERING_OPTIONS = {
  allowed_schemes: option(
    list(text),
    'http,https',
    'Schemes of URLs; an empty list allows all but the disallowed.',
  ),
  disallowed_schemes: option(list(text), '', 'As allowed_schemes; void where that says something.'),
  allowed_hosts: option(
    list(text),
    '',
    'Hosts as URLs name them; an empty list allows all but the disallowed.',
  ),
  disallowed_hosts: option(list(text), '', 'As allowed_hosts; void where that says something.'),
  allowed_ports: option(list(port), '80,443', 'Ports; an empty list allows all but the disallowed.'),
  disallowed_ports: option(list(port), '', 'As allowed_ports; void where that says something.'),
  allowed_addresses: option(
    list(network),
    '',
    'Addresses to which hosts may lead although they are loopback, link-local or otherwise special: those are refused, ' +
      'whatever the names say.',
  ),
  disallowed_addresses: option(
    list(network),
    '',
    "More addresses to which no host may lead, such as the controllers' own networks.",
  ),
}
