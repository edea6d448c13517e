import {
  type FallbackEvent,
  type FallbackState,
  initialFallback,
  stepFallback,
} from '../../../client/connection/fallback.ts'

/** The number of transports in the table: websocket, sse, polling. */
export const transports = 3

/** The columns of the table. */
export const states: readonly FallbackState['is'][] = ['idle', 'opening', 'up', 'probing', 'waiting', 'closed']

/** A row of the table: an event, and what else it depends on. */
export interface Row {
  readonly event: FallbackEvent
  readonly where?: Partial<FallbackState>
}

const reason = 'why'
const lost = (kind: 'failed' | 'silent' | 'busy', steady = false, recentSilent = 0): FallbackEvent => ({
  type: 'lost',
  kind,
  steady,
  recentSilent,
  reason,
})

/** The rows by their names in the table. */
export const rows: Readonly<Record<string, Row>> = {
  wanted: { event: { type: 'wanted' } },
  unwanted: { event: { type: 'unwanted' } },
  proved: { event: { type: 'confirmed' } },
  'lost: failed': { event: lost('failed') },
  'lost: failed, the second time': { event: lost('failed'), where: { strikes: 1 } },
  'lost: failed, after a steady time': { event: lost('failed', true), where: { strikes: 1 } },
  'lost: failed, on transport 1': { event: lost('failed'), where: { level: 1 } },
  'lost: failed, on transport 1, the second time': { event: lost('failed'), where: { level: 1, strikes: 1 } },
  'lost: failed, on the last transport': { event: lost('failed'), where: { level: 2, strikes: 1 } },
  'lost: silent': { event: lost('silent') },
  'lost: silent, the first time in minutes': { event: lost('silent', true, 1) },
  'lost: silent, the second time in minutes': { event: lost('silent', true, 2) },
  'lost: silent, on the last transport': { event: lost('silent'), where: { level: 2 } },
  'lost: busy': { event: lost('busy'), where: { strikes: 1 } },
  expired: { event: { type: 'expired', reason } },
  refused: { event: { type: 'refused', reason } },
  due: { event: { type: 'due' } },
  unreachable: { event: { type: 'unreachable', reason } },
  woken: { event: { type: 'woken' } },
  'woken, on transport 1': { event: { type: 'woken' }, where: { level: 1 } },
  probeDue: { event: { type: 'probeDue' } },
  'probeDue, on transport 2': { event: { type: 'probeDue' }, where: { level: 2 } },
  renewalDue: { event: { type: 'renewalDue' }, where: { level: 1 } },
  'renewalDue, during a renewal': { event: { type: 'renewalDue' }, where: { level: 1, target: 1 } },
  'probeConfirmed, on transport 2 for transport 0': { event: { type: 'probeConfirmed' }, where: { level: 2 } },
  'probeFailed, on transport 2 for transport 0': { event: { type: 'probeFailed', reason }, where: { level: 2 } },
  'probeFailed, on transport 2 for transport 1': {
    event: { type: 'probeFailed', reason },
    where: { level: 2, target: 1 },
  },
  'probeFailed, for a new token': { event: { type: 'probeFailed', reason }, where: { level: 1, target: 1 } },
  reconnect: { event: { type: 'reconnect' } },
  disposed: { event: { type: 'disposed' } },
}

/** Returns the state of a column, combined with the state that the row defines. */
export function stateOf(is: FallbackState['is'], where: Partial<FallbackState> = {}): FallbackState {
  return { ...initialFallback, is, ...where }
}

/** Returns the expected content of a cell; `·` for no effect. */
export function describeStep(is: FallbackState['is'], { event, where }: Row): string {
  const before = stateOf(is, where)
  const { state, effects } = stepFallback(before, event, transports)
  if (state === before && effects.length === 0) return '·'
  const target = state.is === 'probing' ? ` → ${state.target}` : ''
  const level = state.is === 'idle' || state.is === 'closed' ? '' : ` ${state.level}`
  return [`**${state.is}${level}${target}**`, ...effects].join(', ')
}

/** Prints the whole table as it is in the documentation. */
export function printTable(): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(['event', ...states]),
    line(['---', ...states.map(() => '---')]),
    ...Object.entries(rows).map(([name, row]) => line([name, ...states.map((is) => describeStep(is, row))])),
  ].join('\n')
}
