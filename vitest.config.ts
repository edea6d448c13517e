import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Whole servers, browsers and proxies. One file at a time (test/support/alone.ts), beside one of the others. */
const heavy = ['test/{chaos,deploy,e2e}/**/*.test.{ts,tsx}']
const patience = 'test/support/patience.ts'

/** Spreads the heavy files among the others, so that they seldom wait for one another. */
class Spread extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const long = sorted.filter(({ project }) => project.name === 'heavy')
    const short = sorted.filter(({ project }) => project.name !== 'heavy')
    const between = Math.ceil(short.length / Math.max(1, long.length))
    const spread = long.flatMap((file, index) => [file, ...short.slice(index * between, (index + 1) * between)])
    return spread.length === 0 ? short : spread
  }
}

export default defineConfig({
  resolve: {
    // Vite would take graphql's `module` build and Node, for the packages that use it, its `main`: two realms of one library.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    expect: { poll: { timeout: 15_000, interval: 20 } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: process.env['CI'] ? ['dot'] : ['default'],
    // Also on large machines: each file may start databases and servers of its own.
    maxWorkers: 2,
    sequence: { sequencer: Spread },
    projects: [
      {
        extends: true,
        test: {
          name: 'light',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: heavy,
          setupFiles: [patience],
        },
      },
      { extends: true, test: { name: 'heavy', include: heavy, setupFiles: [patience, 'test/support/alone.ts'] } },
    ],
  },
})
