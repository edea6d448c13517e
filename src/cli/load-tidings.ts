import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TidingsError } from '../errors.ts'
import type { Tidings } from '../library/create-tidings.ts'

/** The names of the module that is loaded when none is given, in this order. */
export const moduleNames: readonly string[] = ['tidings.ts', 'tidings.js', 'src/tidings.ts', 'src/tidings.js']

/**
 * Finds a team's module.
 *
 * @param file - its path; undefined for the first of {@link moduleNames} that exists
 * @returns its absolute path
 * @throws TidingsError `BAD_CONFIGURATION` when there is none
 */
export function findModule(file: string | undefined): string {
  const found = (file === undefined ? moduleNames : [file]).find((name) => existsSync(name))
  if (found !== undefined) return resolve(found)
  throw new TidingsError(
    'BAD_CONFIGURATION',
    file === undefined
      ? `There is no ${moduleNames.join(', ')} in ${process.cwd()}; create one, or name your module after the command`
      : `There is no file ${file} in ${process.cwd()}`,
  )
}

/**
 * Imports a team's module.
 *
 * @returns its export `tidings`
 * @throws TidingsError `BAD_CONFIGURATION` when that was not made by `createTidings`, and whatever the module throws
 */
export async function loadTidings(path: string): Promise<Tidings> {
  const { tidings } = (await import(pathToFileURL(path).href)) as { readonly tidings?: Partial<Tidings> }
  if (typeof tidings?.listen === 'function' && typeof tidings.migrate === 'function') return tidings as Tidings
  throw new TidingsError(
    'BAD_CONFIGURATION',
    `${path} does not export what createTidings returns; write: export const tidings = createTidings({ tasks: […] })`,
  )
}
