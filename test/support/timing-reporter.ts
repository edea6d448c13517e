import type { Reporter, TestModule } from 'vitest/node'

const slowestCount = 10

/**
 * Prints where a test run spent its time: the sum per project, and the ten slowest files. The sums
 * exceed the duration of the run, since two files run at once.
 */
export class TimingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (modules.length < 2) return
    const timings = modules.map((module) => ({ module, durationMs: measureDuration(module) }))
    const projects = Map.groupBy(timings, ({ module }) => module.project.name)
    const rows = [...projects].map(([name, group]) => {
      const totalMs = group.reduce((sum, { durationMs }) => sum + durationMs, 0)
      return ` ${name.padEnd(8)} ${String(group.length).padStart(4)} files ${formatSeconds(totalMs)}`
    })
    const slowest = timings
      .toSorted((left, right) => right.durationMs - left.durationMs)
      .slice(0, slowestCount)
      .map(({ module, durationMs }) => ` ${formatSeconds(durationMs)}  ${module.relativeModuleId}`)
    console.log(['', 'Time per project', ...rows, '', 'Slowest files', ...slowest, ''].join('\n'))
  }
}

function measureDuration(module: TestModule): number {
  const { collectDuration, setupDuration, duration } = module.diagnostic()
  return collectDuration + setupDuration + duration
}

function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1).padStart(7)} s`
}
