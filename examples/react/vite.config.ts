import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const client = fileURLToPath(new URL('../../client', import.meta.url))

// Only in this repository, where the package is its sources: a project that has installed it needs no configuration.
export default defineConfig({
  resolve: {
    alias: {
      'tidings/client': `${client}/index.ts`,
      'tidings/react': `${client}/react/index.ts`,
      'tidings/styles.css': `${client}/react/styles.css`,
    },
  },
})
