import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

/** Tests of whole servers, browsers and proxies: each of them keeps the machine busy by itself. */
const heavy = ['test/{chaos,deploy,e2e}/**/*.test.{ts,tsx}']

export default defineConfig({
  resolve: {
    // Vite would take graphql's `module` build and Node, for the packages that use it, its `main`: two realms of one library.
    alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }],
  },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/patience.ts'],
    expect: { poll: { timeout: 15_000, interval: 20 } },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: process.env['CI'] ? ['dot'] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'light',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: heavy,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'heavy', include: heavy, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
