/** How the number of a list item is written, as Word names it; unknown formats are written in digits. */
type NumberFormat = string

const numerals: readonly (readonly [value: number, sign: string])[] = [
  [1000, 'm'],
  [900, 'cm'],
  [500, 'd'],
  [400, 'cd'],
  [100, 'c'],
  [90, 'xc'],
  [50, 'l'],
  [40, 'xl'],
  [10, 'x'],
  [9, 'ix'],
  [5, 'v'],
  [4, 'iv'],
  [1, 'i'],
]

/** Greater numbers are written in digits, as letters or Roman numerals would be very long. */
const maxWritten = 780

/** Writes the number of a list item, such as 3 as `c`, `III` or `03`. */
export function writeNumber(number: number, format: NumberFormat): string {
  if (format === 'decimalZero') return String(number).padStart(2, '0')
  if (number < 1 || number > maxWritten) return String(number)
  switch (format) {
    case 'lowerLetter':
      return letters(number)
    case 'upperLetter':
      return letters(number).toUpperCase()
    case 'lowerRoman':
      return romanNumeral(number)
    case 'upperRoman':
      return romanNumeral(number).toUpperCase()
    default:
      return String(number)
  }
}

/** a to z, then aa, bb and so on. */
function letters(number: number): string {
  return String.fromCodePoint(0x61 + ((number - 1) % 26)).repeat(Math.ceil(number / 26))
}

function romanNumeral(number: number): string {
  let rest = number
  let text = ''
  for (const [value, sign] of numerals) for (; rest >= value; rest -= value) text += sign
  return text
}
