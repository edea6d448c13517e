import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

/** The address of a running server, for `npm run studio:dev`. */
const api = process.env['TIDINGS_URL'] ?? 'http://127.0.0.1:4000'

/** Builds the Studio: for `npm run studio:build`, and for the server on its first start (src/main/studio-build.ts). */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  // The server provides the favicon.
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    outDir: fileURLToPath(new URL('../../dist/studio', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { '/graphql': { target: api, ws: true }, '/favicon.svg': api },
  },
})
