import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { hangMs } from './test/support/patience.ts'
import { TimingReporter } from './test/support/timing-reporter.ts'

/** Pages in a browser, and the most telling faults. */
const heavy = ['test/e2e/**/*.test.{ts,tsx}', 'test/faults/short-form.test.ts']
/** Several server processes, real outages, leases, new databases: `npm run test:long`. */
const long = ['test/{chaos,deploy,long}/**/*.test.{ts,tsx}']

/** Clusters of other makers' engines: `npm run test:scale`. */
const scale = ['test/scale/**/*.test.ts']

const setupFiles = ['test/support/patience-setup.ts', 'test/support/corked-sockets.ts']

/**
 * Sorts the files by what their worker must be: heavy, with a DOM, others. vitest keeps a worker, and the modules that it has
 * imported, only while the next file in the queue is of the same project and environment.
 */
class GroupingSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rankOf = ({ project, moduleId }: TestSpecification): number => {
      if (project.name !== 'light') return 0
      return readFileSync(moduleId, 'utf8').includes('@vitest-environment') ? 1 : 2
    }
    return [...Map.groupBy(sorted, rankOf)].sort(([left], [right]) => left - right).flatMap(([, group]) => group)
  }
}

function createProject(
  name: string,
  test: TestProjectInlineConfiguration['test'] & { readonly include: string[] },
): TestProjectInlineConfiguration {
  return { extends: true, test: { name, setupFiles, ...test } }
}

export default defineConfig({
  resolve: {
    // Vite would take graphql's `module` build and Node, for the packages that use it, its `main`: two realms of one library.
    alias: [
      { find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') },
      // As for programs that install the package; Vite does not find a package by its own name.
      { find: /^tidings$/, replacement: new URL('src/index.ts', import.meta.url).pathname },
      {
        find: /^tidings\/(async|pothos|server|testing|yoga)$/,
        replacement: `${new URL('src', import.meta.url).pathname}/$1/index.ts`,
      },
      {
        find: /^tidings\/(engine|environment)$/,
        replacement: `${new URL('src', import.meta.url).pathname}/$1.ts`,
      },
      { find: /^tidings\/schema$/, replacement: new URL('schema/index.ts', import.meta.url).pathname },
      { find: /^tidings\/testing\/client$/, replacement: new URL('client/testing/index.ts', import.meta.url).pathname },
      { find: /^tidings\/client$/, replacement: new URL('client/index.ts', import.meta.url).pathname },
      { find: /^tidings\/react$/, replacement: new URL('client/react/index.ts', import.meta.url).pathname },
    ],
  },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    expect: { poll: { timeout: hangMs, interval: 20 } },
    testTimeout: 3 * hangMs,
    hookTimeout: 3 * hangMs,
    reporters: [process.env['CI'] ? 'dot' : 'default', new TimingReporter()],
    // Also on large machines: each file may start databases, servers and a browser of its own. Three on two cores take longer.
    maxWorkers: 2,
    sequence: { sequencer: GroupingSequencer },
    // Nothing is opened when a module is imported, so files can share one copy of each: importing them anew for each of
    // 200 files takes longer than the tests themselves.
    isolate: false,
    projects: [
      createProject('light', {
        include: ['test/**/*.test.{ts,tsx}'],
        exclude: [...heavy, ...long, ...scale],
      }),
      createProject('heavy', { include: heavy }),
      createProject('long', { include: long }),
      createProject('scale', { include: scale }),
    ],
  },
})
