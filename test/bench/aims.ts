import type { Latency } from './cases.ts'
import type { Results } from './report.ts'
import { formatNumber, formatShape, spreadOf } from './statistics.ts'

const ours = 'Tidings'
const bare = 'bare ws'
const stock = 'Yoga + graphql-ws + RedisPubSub'
const socketIo = 'Socket.IO room'

type RateName = 'oneByOne' | 'saturated'
interface Shape {
  readonly topics: number
  readonly subscribers: number
}

interface Runs<T> {
  readonly contestant: string
  readonly runs: readonly T[]
}

/** Returns the median of a contestant; NaN where it was not measured. */
function medianOf<T>(measured: readonly Runs<T>[] | undefined, name: string, read: (run: T) => number): number {
  return spreadOf(measured?.find(({ contestant }) => contestant === name)?.runs.map(read) ?? []).median
}

const isShape =
  (shape: Shape) =>
  (one: Shape): boolean =>
    one.topics === shape.topics && one.subscribers === shape.subscribers

function atLeast(what: string, aim: number, measured: number): readonly string[] {
  return row(what, `≥ ${aim}`, measured, measured >= aim)
}

function atMost(what: string, aim: number, measured: number, unit = ''): readonly string[] {
  return row(what, `≤ ${aim}${unit}`, measured, measured <= aim, unit)
}

function row(what: string, aim: string, measured: number, isReached: boolean, unit = ''): readonly string[] {
  if (Number.isNaN(measured)) return [what, aim, 'not measured', '']
  return [what, aim, `${formatNumber(measured, measured < 100 ? 2 : 0)}${unit}`, isReached ? 'yes' : 'no']
}

/**
 * Compares the measurements with the aims, as rows of a table: name, aim, measurement, and whether
 * it is reached. Aims are ratios to others of the same run where there are others.
 */
export function compareWithAims(results: Results): readonly (readonly string[])[] {
  const join = (topics: 'one' | 'many'): number => {
    const measured = results.joining.find((one) => (one.topics === 1) === (topics === 'one'))?.measured
    const cpuMs = (name: string): number => medianOf(measured, name, (run) => run.cpuMs)
    return cpuMs(ours) / cpuMs(stock)
  }
  const storm = (name: string): number => medianOf(results.storm, name, ({ ms }) => ms)
  const stormOfOthers = medianOf(
    results.storm,
    ours,
    ({ othersBeforeMs, othersDuringMs }) => othersDuringMs / othersBeforeMs,
  )
  const endToEnd = (shape: Shape, name: string, read: (run: Latency) => number): number =>
    medianOf(results.endToEnd.find(isShape(shape))?.measured, name, read)
  const endToEndRatio = (shape: Shape, read: (run: Latency) => number): number =>
    endToEnd(shape, ours, read) / endToEnd(shape, bare, read)
  const fanOut = (shape: Shape, rate: RateName, to: string): number => {
    const rates = results.fanOut.find(isShape(shape))?.[rate]
    const deliveries = (name: string): number =>
      rates?.find(({ contestant }) => contestant === name)?.spread.median ?? Number.NaN
    return deliveries(ours) / deliveries(to)
  }
  const p99 = (shape: Shape): number => {
    const measured = results.latency.find(isShape(shape))?.measured
    return medianOf(measured, ours, (run) => run.p99) / medianOf(measured, bare, (run) => run.p99)
  }
  const idle = results.idle.find(({ topics }) => topics === 1)?.measured
  const manyTopics = results.idle.find(({ topics }) => topics !== 1)?.measured
  const kilobytes = (measured: typeof idle): number =>
    medianOf(measured, ours, (run) => (run.at(-1)?.bytesPerSubscriber ?? Number.NaN) / 1_000)
  const startUp = (read: (run: Results['startUp'][number]) => number): number =>
    spreadOf(results.startUp.map(read)).median

  const one = { topics: 1, subscribers: 1_000 }
  const hundred = { topics: 100, subscribers: 1 }
  const thousand = { topics: 1_000, subscribers: 1 }
  const few = { topics: 1, subscribers: 100 }
  return [
    atMost(`Processor time of a join, one topic, of ${stock}`, 0.8, join('one')),
    atMost(`Processor time of a join, a topic each, of ${stock}`, 1, join('many')),
    atMost(`5,000 reconnect: until all have caught up, of ${stock}`, 1, storm(ours) / storm(stock)),
    atMost('Meanwhile, p99 of the deliveries to others, of that before', 2, stormOfOthers),
    atMost(
      'The event loop blocked meanwhile',
      100,
      medianOf(results.storm, ours, (run) => run.blockedMs),
      ' ms',
    ),
    atMost(
      `End to end, ${formatShape(one)}: processor time, of ${bare}`,
      1.1,
      endToEndRatio(one, ({ cpuUs }) => cpuUs),
    ),
    atMost(
      `End to end, ${formatShape(one)}: p50, of ${bare}`,
      1.1,
      endToEndRatio(one, ({ p50 }) => p50),
    ),
    atMost(
      `End to end, ${formatShape(one)}: p99, of ${bare}`,
      1.1,
      endToEndRatio(one, (run) => run.p99),
    ),
    atMost(
      `End to end, ${formatShape(hundred)}: p50`,
      1,
      endToEnd(hundred, ours, ({ p50 }) => p50),
      ' ms',
    ),
    atMost(
      `End to end, ${formatShape(hundred)}: p99`,
      2.5,
      endToEnd(hundred, ours, (run) => run.p99),
      ' ms',
    ),
    atMost(
      `End to end, ${formatShape(thousand)}: processor time of an event`,
      100,
      endToEnd(thousand, ours, ({ cpuUs }) => cpuUs),
      ' µs',
    ),
    atLeast(`${formatShape(thousand)}, event by event, of ${bare}`, 0.9, fanOut(thousand, 'oneByOne', bare)),
    atLeast(`${formatShape(thousand)}, event by event, of ${socketIo}`, 1.5, fanOut(thousand, 'oneByOne', socketIo)),
    atLeast(`${formatShape(thousand)}, saturated, of ${socketIo}`, 3, fanOut(thousand, 'saturated', socketIo)),
    atLeast(`${formatShape(few)}, event by event, of ${bare}`, 1, fanOut(few, 'oneByOne', bare)),
    atLeast(`${formatShape(one)}, event by event, of ${bare}`, 1.2, fanOut(one, 'oneByOne', bare)),
    atLeast(`${formatShape(one)}, event by event, of ${stock}`, 5, fanOut(one, 'oneByOne', stock)),
    atLeast(`${formatShape(one)}, saturated, of ${socketIo}`, 2, fanOut(one, 'saturated', socketIo)),
    atMost(`p99 of latency, ${formatShape(one)}, of ${bare}`, 1.5, p99(one)),
    atMost(`p99 of latency, ${formatShape(thousand)}, of ${bare}`, 1.5, p99(thousand)),
    atMost(
      '10,000 idle subscribers: share of a core',
      1.5,
      100 * medianOf(idle, ours, (run) => run.at(-1)?.core ?? Number.NaN),
      ' %',
    ),
    atMost('Resident memory of one of them', 14, kilobytes(idle), ' KB'),
    atMost('The same with a topic each', 15, kilobytes(manyTopics), ' KB'),
    atMost(
      '200 readers that stopped',
      64,
      medianOf(results.slow, ours, ({ bytes }) => bytes / 1_048_576),
      ' MiB',
    ),
    atMost(
      'From the first start until it is ready',
      2.5,
      startUp(({ firstMs }) => firstMs / 1_000),
      ' s',
    ),
    atMost(
      'From a later start',
      1,
      startUp(({ laterMs }) => laterMs / 1_000),
      ' s',
    ),
  ]
}
