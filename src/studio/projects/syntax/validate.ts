import { keyOfPath, normalizePath, printable, refusePath } from '../file-names.ts'
import { entryPath, type FileInput, type FileProblem, projectLimits } from '../project.ts'

/** The validated files of an upload, and the problems with names, sizes and number. */
interface Sorted {
  readonly files: readonly FileInput[]
  readonly problems: readonly FileProblem[]
}

/**
 * Validates the files of a project: names are normalised, safe and distinct, sizes and number are
 * within the limits, and there is an entry page. The content is checked later, by a `Checker`.
 */
export function sortFiles(inputFiles: readonly FileInput[]): Sorted {
  const problems: FileProblem[] = []
  const refuse = (path: string, message: string): void => {
    problems.push({ path: printable(path), line: null, column: null, message })
  }
  const { maxFiles, maxFileBytes, maxTotalBytes } = projectLimits
  if (inputFiles.length > maxFiles)
    refuse('', `The project has ${inputFiles.length} files; at most ${maxFiles} are allowed`)
  const byKey = new Map<string, string>()
  const files: FileInput[] = []
  let totalBytes = 0
  for (const { path: raw, content } of inputFiles.slice(0, maxFiles)) {
    const reason = refusePath(raw)
    if (reason !== null) {
      refuse(raw, reason)
      continue
    }
    const path = normalizePath(raw)
    const key = keyOfPath(path)
    const existing = byKey.get(key)
    if (existing !== undefined) {
      refuse(path, existing === path ? 'is there twice' : `is the same file as “${existing}” on many machines`)
      continue
    }
    byKey.set(key, path)
    const bytes = Buffer.byteLength(content)
    totalBytes += bytes
    if (bytes > maxFileBytes) refuse(path, `has ${bytes} bytes; at most ${maxFileBytes} are allowed`)
    else if (!content.isWellFormed() || content.includes('\0')) refuse(path, 'holds what is not text')
    else files.push({ path, content })
  }
  for (const [key, path] of byKey)
    for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) {
      const file = byKey.get(key.slice(0, end))
      if (file !== undefined) refuse(path, `lies in “${file}”, which is a file and not a folder`)
    }
  if (totalBytes > maxTotalBytes)
    refuse('', `The project has ${totalBytes} bytes; at most ${maxTotalBytes} are allowed`)
  if (byKey.get(entryPath) !== entryPath) refuse(entryPath, 'is missing; a project begins with this page')
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), problems }
}
