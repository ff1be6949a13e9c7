/** Which form of a probe runs: the short one of CI, or with `SERAC_PROBE=full` the one that the promises are made of. */
export const isFullForm = process.env['SERAC_PROBE'] === 'full'
