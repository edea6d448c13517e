import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { FileInput, FileProblem } from './project.ts'

/** Checks the syntax of files, one after the other. */
export interface Checker extends AsyncDisposable {
  /**
   * What is wrong with a file.
   * @param paths - all files of the project, which pages refer to
   * @throws the signal's reason
   */
  check(file: FileInput, paths: readonly string[], signal?: AbortSignal): Promise<readonly FileProblem[]>
}

const maxHeapMb = 192

/**
 * Creates a checker with a thread of its own, so that a file that was made to take all memory or time takes only the thread's: a
 * page of 250 kB can ask its parser for hundreds of millions of elements. The next file gets another thread.
 *
 * @param options.longestMs - for one file, after which it counts as unreadable; default 10,000
 */
export function createChecker({ longestMs = 10_000 }: { readonly longestMs?: number } = {}): Checker {
  let thread: Worker | undefined
  const open = (): Worker => {
    if (thread !== undefined) return thread
    const opened = new Worker(new URL('./check-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: 32 },
      // What a thread writes when it runs out of memory is no concern of this process's log.
      stderr: true,
    })
    // Without a listener, one that fails while nobody waits for it would end the process.
    opened.on('error', () => undefined)
    thread = opened
    return opened
  }
  const close = async (): Promise<void> => {
    const ending = thread
    thread = undefined
    await ending?.terminate()
  }
  return {
    async check(file, paths, signal) {
      signal?.throwIfAborted()
      const worker = open()
      const late = AbortSignal.timeout(longestMs)
      const either = signal === undefined ? late : AbortSignal.any([signal, late])
      worker.postMessage({ file, paths })
      try {
        const [problems] = (await once(worker, 'message', { signal: either })) as [FileProblem[]]
        return problems
      } catch {
        // It ran out of memory or time, or nobody waits any more.
        await close()
        signal?.throwIfAborted()
        const message = 'cannot be checked: reading it takes too much memory or time'
        return [{ path: file.path, line: null, column: null, message }]
      }
    },
    [Symbol.asyncDispose]: close,
  }
}
