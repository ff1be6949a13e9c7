/** While images are moved here from a Glance. */
import { optional } from './option.ts'
import { path, url } from './option-types.ts'

export const MOVING_OPTIONS = {
  fall_through_url: optional(
    url,
    'The Glance that this cluster takes over from, e.g. http://old.example:9292. An image whose id is unknown here is ' +
      'shown and downloaded from there, as are its members, with the token of the caller; changes of it are a 409 until it is ' +
      'moved here. Lists, and so names, know only what was moved. Take it away when the status says that nobody asks for what ' +
      'is only there. Unset: unknown is a 404.',
  ),
  fall_through_cafile: optional(
    path,
    'Authorities that may vouch for it over https, in PEM. Unset: those that Node.js knows.',
  ),
}
