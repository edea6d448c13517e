import { describe, expect, it } from 'vitest'
import { readArguments, usage } from './arguments.ts'

describe('the arguments of the benchmark', () => {
  it('select everything by default, and only then are the documents written', () => {
    expect(readArguments([])).toMatchObject({ isQuick: false, runs: 3, isWhole: true })
    expect(readArguments(['--quick'])).toMatchObject({ isQuick: true, runs: 1, isWhole: false })
    expect(readArguments(['--only', 'idle,slow', '--runs', '2'])).toMatchObject({
      cases: ['idle', 'slow'],
      runs: 2,
      isWhole: false,
    })
    expect(readArguments(['--contestants', 'Tid'])?.contestants).toMatchObject([{ name: 'Tidings' }])
  })

  it.each([
    [['--runs', 'x'], /--runs is "x"; write a whole number/],
    [['--only', 'idle,idel'], /"idel"; allowed: fan-out, latency/],
    [['--contestants', 'nobody'], /"nobody"; allowed: parts of bare ws/],
    [['--fast'], /--fast/],
  ])('%j are refused, with the allowed values', (args, message) => {
    expect(() => readArguments(args)).toThrow(message)
  })

  it('are all in the help', () => {
    expect(readArguments(['--help'])).toBeNull()
    for (const name of ['--quick', '--runs', '--only', '--contestants', 'fan-out', 'curve', 'Tidings'])
      expect(usage).toContain(name)
  })
})
