import { stripVTControlCharacters, styleText } from 'node:util'
import type { ConnectionState, TaskItem, TaskState } from '../index.ts'

/** The input for drawing a watched task. */
interface Scene {
  readonly title: string
  readonly state: TaskState
  readonly connection: ConnectionState
  /** Columns of the terminal. */
  readonly width: number
}

const marks = { PENDING: '·', RUNNING: '▸', COMPLETED: '✓', FAILED: '✗', SKIPPED: '–' } as const
const barWidth = 28
const shownBefore = 3
const shownAfter = 5

/** Draws a progress bar such as `━━━━━╌╌╌`. */
function drawBar(percent: number, width = barWidth): string {
  const filledWidth = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width)
  return '━'.repeat(filledWidth) + '╌'.repeat(width - filledWidth)
}

/** Formats a duration: `850 ms`, `12 s`, `3 min`. */
function sayDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 90_000) return `${Math.round(ms / 1_000)} s`
  return `${Math.round(ms / 60_000)} min`
}

/** Draws a task as lines, none wider than the terminal. */
export function drawTask({ title, state, connection, width }: Scene): string[] {
  const lines = [
    styleText('bold', title),
    `${drawBar(state.progress.percent)}  ${describeProgress(state)}`,
    ...drawConnection(connection),
    ...drawItems([...state.items.values()], state.progress.totalItems),
    ...drawOutput(state),
  ]
  return lines.map((line) => cutLine(line, width))
}

/** Describes the progress of a task: queue position, percent, stage, items, remaining time. */
function describeProgress({ status, progress, queue, error }: TaskState): string {
  const { percent, stage, completedItems, failedItems, totalItems, remainingMs, elapsedMs } = progress
  if (status === 'QUEUED')
    return queue === null
      ? 'in line'
      : `number ${queue.position} of ${queue.waiting} in line${queue.estimatedWaitMs === null ? '' : `, about ${sayDuration(queue.estimatedWaitMs)} to wait`}`
  if (status === 'RETRYING') return `trying again: ${error?.message ?? 'an attempt failed'}`
  if (status === 'FAILED') return `failed: ${error?.message ?? ''}${error?.advice ? ` ${error.advice}` : ''}`
  if (status === 'CANCELED') return 'canceled'
  const parts = [`${percent.toFixed(0)} %`]
  if (stage !== null && status !== 'COMPLETED') parts.push(stage)
  if (totalItems > 0) parts.push(`${completedItems}/${totalItems}${failedItems > 0 ? `, ${failedItems} failed` : ''}`)
  if (status === 'COMPLETED') parts.push(`done in ${sayDuration(elapsedMs)}`)
  else if (remainingMs !== null) parts.push(`about ${sayDuration(remainingMs)} left`)
  return parts.join(' · ')
}

function drawConnection({ status, transport, reason }: ConnectionState): string[] {
  if (status === 'live' || status === 'connecting') return []
  const by = transport === null ? '' : ` (${transport})`
  return [styleText('yellow', `${status}${by}${reason === null ? '' : `: ${reason}`}`)]
}

/** Draws the items around the current one, as far as they are loaded. */
function drawItems(items: readonly TaskItem[], total: number): string[] {
  const first = items.findIndex(({ status }) => status === 'RUNNING' || status === 'PENDING')
  const middle = first < 0 ? items.length : first
  const from = Math.max(0, middle - shownBefore)
  const shownItems = items.slice(from, middle + shownAfter)
  const rest = Math.max(items.length, total) - from - shownItems.length
  return [
    ...(from > 0 ? [styleText('dim', `  … ${from} before`)] : []),
    ...shownItems.map(({ status, label, error }) => {
      const line = `  ${marks[status]} ${label}${error === null ? '' : ` – ${error.message}`}`
      return status === 'COMPLETED' ? styleText('green', line) : status === 'FAILED' ? styleText('red', line) : line
    }),
    ...(rest > 0 ? [styleText('dim', `  … ${rest} more`)] : []),
  ]
}

/** Draws the last line of the current output. */
function drawOutput({ outputs, isOver }: TaskState): string[] {
  const last = isOver ? undefined : [...outputs.values()].at(-1)
  const line = last?.text.trimEnd().split('\n').at(-1)?.trim()
  return line ? [styleText('dim', `    “${line}”`)] : []
}

function cutLine(line: string, width: number): string {
  const plain = stripVTControlCharacters(line)
  // Cutting inside a colour sequence would leave the colour on; lines that are too wide lose their
  // colours.
  return plain.length <= width ? line : `${plain.slice(0, Math.max(1, width - 1))}…`
}

/**
 * Creates a screen that redraws in place. Where the output is not a terminal, it writes changes,
 * one per line.
 */
export function createScreen(out: NodeJS.WriteStream): {
  show(lines: readonly string[]): void
  keep(text: string): void
} {
  let height = 0
  let last = ''
  return {
    show(lines) {
      if (!out.isTTY) {
        // The estimate changes with every event; without a terminal it is omitted, so that only
        // actual changes are written.
        const plain = stripVTControlCharacters(lines[1] ?? lines[0] ?? '').replace(/ · about .* left$/, '')
        if (plain !== last) out.write(`${plain}\n`)
        last = plain
        return
      }
      const up = height > 0 ? `\u001b[${height}A\u001b[0J` : ''
      out.write(`${up}${lines.join('\n')}\n`)
      height = lines.length
    },
    keep(text) {
      out.write(`${text}\n`)
      height = 0
    },
  }
}
