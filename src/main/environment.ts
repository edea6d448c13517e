import { loadEnvFile } from 'node:process'

/**
 * Reads the environment of the process: its variables, and the variables of a file `.env` in the
 * working directory that are not set yet. Only the commands of the Studio read that file; programs
 * that embed the engine pass settings.
 *
 * @throws Error when the file exists but cannot be read
 */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  try {
    // Loaded into process.env because libraries read their own variables from it, such as
    // OTEL_EXPORTER_OTLP_HEADERS.
    loadEnvFile('.env')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return process.env
}
