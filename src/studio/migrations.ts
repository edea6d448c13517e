import { fileURLToPath } from 'node:url'
import type { MigrationSeries } from '../engine.ts'

/** The migrations of the applications, applied after those of the engine. */
export const studioMigrations: MigrationSeries = {
  directory: fileURLToPath(new URL('./migrations', import.meta.url)),
  schema: 'studio',
  firstTable: 'document',
}
