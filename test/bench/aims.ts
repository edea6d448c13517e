import type { Results } from './report.ts'
import { formatNumber, formatShape, spreadOf } from './statistics.ts'

type RateName = 'oneByOne' | 'saturated'
const ours = 'Tidings'

/**
 * Compares the measurements with the aims, as rows of a table: name, aim, measurement, and whether
 * it is reached.
 */
export function compareWithAims(results: Results): readonly (readonly string[])[] {
  const { idle, latency, storm, slow } = results
  const atLeast = (what: string, aim: number, measured: number): string[] =>
    row(what, `≥ ${aim}`, measured, measured >= aim)
  const atMost = (what: string, aim: number, measured: number, unit = ''): string[] =>
    row(what, `≤ ${aim}${unit}`, measured, measured <= aim, unit)
  const rates: readonly [string, RateName][] = [
    ['event by event', 'oneByOne'],
    ['saturated', 'saturated'],
  ]
  const shapes = [
    { topics: 1, subscribers: 1_000, aims: { oneByOne: 1.2, saturated: 6 } },
    { topics: 1_000, subscribers: 1, aims: { oneByOne: 0.75, saturated: 1.2 } },
  ]
  const others = [
    { name: 'bare ws', aim: null },
    { name: 'Yoga + graphql-ws + RedisPubSub', aim: 5 },
    { name: 'Socket.IO room', aim: 2 },
  ]
  const storms = storm.find(({ contestant }) => contestant === ours)?.runs ?? []
  const readers = slow.find(({ contestant }) => contestant === ours)?.runs ?? []
  return [
    ...others.flatMap(({ name, aim }) =>
      shapes.flatMap(({ topics, subscribers, aims }) =>
        rates.map(([how, rate]) =>
          atLeast(
            `${formatShape({ topics, subscribers })}, ${how}, of ${name}`,
            aim ?? aims[rate],
            ratioOf(results, { topics, subscribers, rate, to: name }),
          ),
        ),
      ),
    ),
    ...latency.map(({ topics, subscribers, measured }) => {
      const p99 = (name: string): number =>
        spreadOf(measured.find(({ contestant }) => contestant === name)?.runs.map((run) => run.p99) ?? []).median
      return atMost(
        `p99 of latency, ${formatShape({ topics, subscribers })}, of bare ws`,
        1.5,
        p99(ours) / p99('bare ws'),
      )
    }),
    atMost('Resident memory of an idle subscriber', 14, idleBytes(idle) / 1_000, ' KB'),
    atMost('5,000 come back, each with what it missed', 3, spreadOf(storms.map(({ ms }) => ms / 1_000)).median, ' s'),
    atMost('The event loop blocked meanwhile', 100, spreadOf(storms.map(({ blockedMs }) => blockedMs)).median, ' ms'),
    atMost('200 readers that stopped', 64, spreadOf(readers.map(({ bytes }) => bytes / 1_048_576)).median, ' MiB'),
  ]
}

function row(what: string, aim: string, measured: number, isReached: boolean, unit = ''): string[] {
  if (Number.isNaN(measured)) return [what, aim, 'not measured', '']
  return [what, aim, `${formatNumber(measured, measured < 100 ? 2 : 0)}${unit}`, isReached ? 'yes' : 'no']
}

function ratioOf(
  { fanOut }: Results,
  of: { readonly topics: number; readonly subscribers: number; readonly rate: RateName; readonly to: string },
): number {
  const rates = fanOut.find(({ topics, subscribers }) => topics === of.topics && subscribers === of.subscribers)
  const median = (name: string): number =>
    rates?.[of.rate].find(({ contestant }) => contestant === name)?.spread.median ?? Number.NaN
  return median(ours) / median(of.to)
}

/** On one topic, with the final number of subscribers. */
function idleBytes(idle: Results['idle']): number {
  const runs = idle[0]?.measured.find(({ contestant }) => contestant === ours)?.runs ?? []
  return spreadOf(runs.flatMap((run) => run.at(-1)?.bytesPerSubscriber ?? [])).median
}
