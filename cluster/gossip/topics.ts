/** Gossip topics. The cluster id is part of the name: two clusters on one network never hear each other. */

/** Versioned like a protocol: a change of the hint format that an older release cannot read gets a new number. */
export function hintsTopic(clusterId: string): string {
  return `/serac/hints/1/${clusterId}`
}
