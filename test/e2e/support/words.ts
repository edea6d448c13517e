/** Numbered words, so that a missing or repeated one shows. */
export const wordsUpTo = (count: number): string => Array.from({ length: count }, (_, index) => `w${index}`).join(' ')

/** A text of numbered words, emitted under the control of a test. */
export interface Words {
  /** Emits `count` more words. */
  next(count?: number): void
  /** Ends the text. */
  end(): void
  text(): AsyncGenerator<string>
}

/** Creates an endless text of numbered words. */
export function createWords(): Words {
  let told = 0
  let wake = Promise.withResolvers<void>()
  let isOver = false
  return {
    next(count = 1) {
      told += count
      wake.resolve()
      wake = Promise.withResolvers()
    },
    end() {
      isOver = true
      wake.resolve()
    },
    async *text(): AsyncGenerator<string> {
      yield '# Words\n\n'
      for (let index = 0; ; ) {
        if (index < told) yield `w${index++} `
        else if (isOver) return
        else await wake.promise
      }
    },
  }
}
