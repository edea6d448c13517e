import fc from 'fast-check'

/**
 * Generates strings of any UTF-16 code units, lone surrogates and NUL included. Building the table behind fast-check's own
 * `fc.string({ unit: 'binary' })` takes seconds.
 */
export function utf16String(options: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.array(fc.nat(0xffff), options).map((units) => String.fromCharCode(...units))
}
