import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { FileInput, FileProblem } from '../project.ts'

/** Checks the syntax of files, serially. */
interface Checker extends AsyncDisposable {
  /**
   * Returns the problems of a file.
   * @param paths - all files of the project, which files may reference. Check scripts before pages:
   *   whether a page may load a script without `type="module"` depends on its content
   * @throws the signal's reason
   */
  check(file: FileInput, paths: readonly string[], signal?: AbortSignal): Promise<readonly FileProblem[]>
}

const maxHeapMb = 192

/**
 * Creates a checker with its own thread, so that a file crafted to exhaust memory or time affects
 * only the thread: a page of 250 kB can make its parser create hundreds of millions of elements.
 * The next file gets a new thread.
 *
 * @param options.longestMs - limit for one file, after which it counts as unreadable; default
 * 10,000
 */
export function createChecker({ longestMs = 10_000 }: { readonly longestMs?: number } = {}): Checker {
  let thread: Worker | undefined
  const open = (): Worker => {
    if (thread !== undefined) return thread
    const newThread = new Worker(new URL('./check-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: 32 },
      // Output of a thread that runs out of memory does not belong in this process's log.
      stderr: true,
    })
    // Without a listener, an error while no caller is waiting would end the process.
    newThread.on('error', () => undefined)
    thread = newThread
    return newThread
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
      const anySignal = signal === undefined ? late : AbortSignal.any([signal, late])
      worker.postMessage({ file, paths })
      try {
        const [problems] = (await once(worker, 'message', { signal: anySignal })) as [FileProblem[]]
        return problems
      } catch {
        // The thread ran out of memory or time, or the caller aborted.
        await close()
        signal?.throwIfAborted()
        const message = 'cannot be checked: reading it takes too much memory or time'
        return [{ path: file.path, line: null, column: null, message }]
      }
    },
    [Symbol.asyncDispose]: close,
  }
}
