const base = 'http://project.invalid/'

/**
 * Returns why a file that another one refers to cannot be loaded; empty when it can.
 *
 * @param path - the file with the reference
 * @param paths - the files of the project
 * @param options.isExternalAllowed - whether an address outside the project is left to the author;
 *   false by default
 */
export function checkReference(
  path: string,
  reference: string,
  paths: ReadonlySet<string>,
  { isExternalAllowed = false }: { readonly isExternalAllowed?: boolean } = {},
): string[] {
  if (!URL.canParse(reference, new URL(path, base))) return [`“${reference}” is no address`]
  const { origin, pathname, protocol } = new URL(reference, new URL(path, base))
  if (protocol === 'data:') return []
  if (origin !== new URL(base).origin)
    return isExternalAllowed
      ? []
      : [`“${reference.slice(0, 100)}” is not part of the project, and a preview loads nothing from elsewhere`]
  if (reference.startsWith('/')) return [`“${reference}” begins with /; write it relative to this file`]
  let name: string
  try {
    name = decodeURIComponent(pathname.slice(1))
  } catch {
    // Not a valid percent-encoding.
    name = pathname
  }
  return paths.has(name) ? [] : [`“${reference}” is not among the project’s files`]
}

/** Returns why an imported module cannot be loaded; empty when it can. */
export function checkImport(path: string, specifier: string, paths: ReadonlySet<string>): string[] {
  const isBare = !/^(\.{0,2}\/|[a-z][a-z\d+.-]*:)/i.test(specifier)
  return isBare
    ? [`“${specifier.slice(0, 100)}” is not the address of a file; begin it with ./`]
    : checkReference(path, specifier, paths)
}
