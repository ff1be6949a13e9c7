/** JSON-like values with byte strings in them, of any shape. */
import fc from 'fast-check'

export const plainValues = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ maxLength: 80 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 30 }),
  ),
})).value

/** Names of fields that are often together, and some that are no ordinary ones. */
export const fieldNames = fc.uniqueArray(
  fc.constantFrom(...'abcdefghijklmnopqrst'.split(''), 'é', '__proto__', '7'),
  { minLength: 10, maxLength: 20 },
)
