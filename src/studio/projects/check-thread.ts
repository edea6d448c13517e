/** What `checker.ts` runs in a thread: answers each file with what is wrong with it. */
import { parentPort } from 'node:worker_threads'
import type { FileInput } from './project.ts'
import { checkSyntax } from './syntax.ts'

parentPort?.on('message', ({ file, paths }: { readonly file: FileInput; readonly paths: readonly string[] }) => {
  parentPort?.postMessage(checkSyntax(file, new Set(paths)))
})
