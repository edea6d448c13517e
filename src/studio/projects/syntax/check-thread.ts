/** The worker thread of `checker.ts`: answers each file with its problems. */
import { parentPort } from 'node:worker_threads'
import type { FileInput } from '../project.ts'
import { checkSyntax } from './syntax.ts'

const modules = new Set<string>()

parentPort?.on('message', ({ file, paths }: { readonly file: FileInput; readonly paths: readonly string[] }) => {
  parentPort?.postMessage(checkSyntax(file, new Set(paths), modules))
})
