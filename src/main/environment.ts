import { loadEnvFile } from 'node:process'

/**
 * Reads the environment of the process: its variables, and those of a file `.env` in the working directory that are not set
 * yet. Only the commands of the Studio read that file; whoever embeds the engine passes settings.
 *
 * @throws Error when there is a file and it cannot be read
 */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  try {
    // Into process.env, as libraries read variables of their own from it, such as OTEL_EXPORTER_OTLP_HEADERS.
    loadEnvFile('.env')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return process.env
}
