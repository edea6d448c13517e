/** The amount of work of a task, as far as it is known. */
export interface Workload {
  /** Separates tasks of a kind that take different ways, such as formats; null when declared by none. */
  readonly variant: string | null
  /** In the unit of the kind, such as bytes; null when it declares none. */
  readonly size: number | null
  /** 0 while no items are declared. */
  readonly items: number
}

/** A completed task. */
export interface CompletedTask extends Workload {
  /** Execution time over all its attempts. */
  readonly ms: number
  /** Execution time per stage; null when the task was not completed by its first attempt. */
  readonly stageMs: Readonly<Record<string, number>> | null
}

/** The expected duration of a task. */
export interface Expectation {
  readonly ms: number
  /** The standard deviation of ln(actual / expected) among completed tasks. */
  readonly spread: number
}

/** Durations of a kind, derived from completed tasks. */
export interface Durations {
  /** Returns the expected execution time of a task; null when no task has completed. */
  expect(workload: Workload): Expectation | null
  /**
   * Returns the share of each stage in the execution time: `weights`, the declared ones, until
   * tasks of the variant have completed.
   */
  stages(workload: Workload, weights: Readonly<Record<string, number>>): Readonly<Record<string, number>>
}

/** The number of later tasks after which a completed task counts half as much. */
const halfLife = 8
/** Multiple of the expected duration to which longer tasks are cut: outliers say little about others. */
const maxRatio = 4
/** Passes of the fit: the weights and the cut of a pass depend on the previous one. */
const passes = 5
/** The spread that is assumed before there are completed tasks to derive it from. */
const priorSpread = 0.5
/** The spread of a variant without completed tasks, which is expected to take as long as all others. */
const otherVariantSpread = 1.5

interface Point {
  readonly x: number
  readonly ms: number
  readonly weight: number
}

interface Line {
  readonly baseMs: number
  readonly perUnitMs: number
}

const at = ({ baseMs, perUnitMs }: Line, x: number): number => baseMs + perUnitMs * x
const sumOf = (points: readonly Point[], value: (point: Point) => number): number =>
  points.reduce((sum, point) => sum + point.weight * value(point), 0)

/**
 * Fits a duration that consists of a fixed part and a part proportional to the size, both at least
 * 0. Relative errors count: ten seconds matter for a task of a minute and not for one of an hour.
 */
function fitLine(points: readonly Point[]): Line {
  const weight = sumOf(points, () => 1)
  const meanMs = sumOf(points, ({ ms }) => ms) / weight
  // Begins with the median rate, which no outlier moves.
  const rates = points.map(({ x, ms }) => ms / Math.max(x, 1e-9)).sort((a, b) => a - b)
  let line: Line = { baseMs: 0, perUnitMs: rates[rates.length >> 1] ?? 0 }
  for (let pass = 0; pass < passes; pass++) {
    const weightedPoints = points.map(({ x, ms, weight: recency }) => {
      const expectedMs = Math.max(at(line, x), meanMs * 1e-3, 1e-3)
      return { x, ms: Math.min(ms, maxRatio * expectedMs), weight: recency / expectedMs ** 2 }
    })
    const sw = sumOf(weightedPoints, () => 1)
    const sx = sumOf(weightedPoints, ({ x }) => x)
    const sxx = sumOf(weightedPoints, ({ x }) => x * x)
    const sy = sumOf(weightedPoints, ({ ms }) => ms)
    const sxy = sumOf(weightedPoints, ({ x, ms }) => x * ms)
    // Sizes that hardly differ do not separate the two parts: proportional, unless the data say
    // otherwise. Counts as one task.
    const prior = sw / weight
    const determinant = (sw + prior) * sxx - sx * sx
    const baseMs = determinant > 0 ? (sy * sxx - sx * sxy) / determinant : 0
    const perUnitMs = determinant > 0 ? ((sw + prior) * sxy - sx * sy) / determinant : 0
    if (perUnitMs <= 0) line = { baseMs: sy / sw, perUnitMs: 0 }
    else if (baseMs <= 0) line = { baseMs: 0, perUnitMs: sxx > 0 ? sxy / sxx : 0 }
    else line = { baseMs, perUnitMs }
  }
  return line
}

/** The mean, with long durations cut, and the spread around it. */
function fitMean(points: readonly Point[]): Expectation {
  const line = fitLine(points.map((point) => ({ ...point, x: 1 })))
  const ms = at(line, 1)
  return { ms, spread: spreadOf(points, () => ms) }
}

function spreadOf(points: readonly Point[], expected: (point: Point) => number): number {
  const weight = sumOf(points, () => 1)
  const squares = sumOf(points, (point) => Math.log(Math.max(point.ms, 1) / Math.max(expected(point), 1)) ** 2)
  return Math.sqrt((squares + priorSpread ** 2) / (weight + 1))
}

/** The measure of the work of a task, from which its duration is estimated. */
type Measure = 'items' | 'size'

interface Model {
  readonly line: Line
  readonly spread: number
  /** Share of each stage at any size: lines whose sum is the duration. */
  readonly stages: ReadonlyMap<string, Line> | null
  /** The weight of the tasks that `stages` is derived from. */
  readonly stagesWeight: number
}

interface Variant {
  readonly mean: Expectation
  readonly models: Readonly<Record<Measure, Model | null>>
  readonly stages: Pick<Model, 'stages' | 'stagesWeight'>
}

const measureOf = (task: Workload, measure: Measure): number | null =>
  measure === 'size' ? task.size : task.items > 0 ? task.items : null

type Weighted = CompletedTask & { readonly weight: number }

function fitStages(tasks: readonly Weighted[], x: (task: Weighted) => number): Pick<Model, 'stages' | 'stagesWeight'> {
  const measuredTasks = tasks.filter(({ stageMs }) => stageMs !== null)
  const names = new Set(measuredTasks.flatMap(({ stageMs }) => Object.keys(stageMs ?? {})))
  const stagesWeight = measuredTasks.reduce((sum, { weight }) => sum + weight, 0)
  if (names.size === 0) return { stages: null, stagesWeight: 0 }
  const lines = [...names].map((name) => {
    const points = measuredTasks.map((task) => ({ x: x(task), ms: task.stageMs?.[name] ?? 0, weight: task.weight }))
    return [name, fitLine(points)] as const
  })
  return { stages: new Map(lines), stagesWeight }
}

function fitModel(tasks: readonly Weighted[], measure: Measure): Model | null {
  const sizedTasks = tasks.filter((task) => measureOf(task, measure) !== null)
  if (sizedTasks.length === 0) return null
  const x = (task: Weighted): number => measureOf(task, measure) ?? 0
  const points = sizedTasks.map((task) => ({ x: x(task), ms: task.ms, weight: task.weight }))
  const line = fitLine(points)
  return { line, spread: spreadOf(points, (point) => at(line, point.x)), ...fitStages(sizedTasks, x) }
}

function fitVariant(tasks: readonly CompletedTask[]): Variant {
  const weightedTasks = tasks.map((task, index) => ({ ...task, weight: 2 ** (-index / halfLife) }))
  return {
    mean: fitMean(weightedTasks.map(({ ms, weight }) => ({ x: 1, ms, weight }))),
    models: { items: fitModel(weightedTasks, 'items'), size: fitModel(weightedTasks, 'size') },
    stages: fitStages(weightedTasks, () => 1),
  }
}

/**
 * Derives the durations of a kind from completed tasks: by variant, by the number of items or the
 * size where they are known, and with more weight for recent tasks.
 *
 * @param tasks - the most recently completed first
 */
export function createDurations(tasks: readonly CompletedTask[]): Durations {
  const byVariant = new Map<string | null, CompletedTask[]>()
  for (const task of tasks) byVariant.set(task.variant, [...(byVariant.get(task.variant) ?? []), task])
  const fits = new Map<string | null, Variant>()
  const fitOf = (variant: string | null): Variant | null => {
    const existing = fits.get(variant)
    const completed = byVariant.get(variant)
    if (existing !== undefined || completed === undefined) return existing ?? null
    const fit = fitVariant(completed)
    fits.set(variant, fit)
    return fit
  }
  let all: Expectation | undefined
  const modelOf = (workload: Workload, fit: Variant): { readonly model: Model; readonly x: number } | null => {
    for (const measure of ['items', 'size'] as const) {
      const model = fit.models[measure]
      const x = measureOf(workload, measure)
      if (model !== null && x !== null) return { model, x }
    }
    return null
  }
  return {
    expect(workload) {
      if (tasks.length === 0) return null
      const fit = fitOf(workload.variant)
      if (fit === null) {
        all ??= fitVariant(tasks).mean
        return { ...all, spread: otherVariantSpread }
      }
      const durationModel = modelOf(workload, fit)
      return durationModel === null
        ? fit.mean
        : { ms: at(durationModel.model.line, durationModel.x), spread: durationModel.model.spread }
    },
    stages(workload, weights) {
      const fit = fitOf(workload.variant)
      if (fit === null) return weights
      const durationModel = modelOf(workload, fit)
      const { stages, stagesWeight } = durationModel?.model ?? fit.stages
      if (stages === null) return weights
      const names = Object.keys(weights)
      const msOf = (name: string): number => {
        const line = stages.get(name)
        return line === undefined ? 0 : at(line, durationModel?.x ?? 1)
      }
      const totalMs = names.reduce((sum, name) => sum + msOf(name), 0)
      const total = names.reduce((sum, name) => sum + (weights[name] ?? 0), 0)
      if (totalMs <= 0 || total <= 0) return weights
      // The declared weights count as one task.
      return Object.fromEntries(
        names.map((name) => {
          const measuredShare = msOf(name) / totalMs
          const declaredShare = (weights[name] ?? 0) / total
          return [name, (100 * (stagesWeight * measuredShare + declaredShare)) / (stagesWeight + 1)]
        }),
      )
    },
  }
}
