/** Stands for a header or member that is not there. */
export const ABSENT = '<absent>'
