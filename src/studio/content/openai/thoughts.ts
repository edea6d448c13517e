/** Removes a model's reasoning from its answer. */
interface ThoughtFilter {
  /** Takes a piece of the answer and returns the visible text of it and of the text held back before. */
  filter(piece: string): string
  /** Returns the held-back text at the end of the answer: the start of a tag that was never completed. */
  end(): string
}

const names = ['think', 'thinking', 'thought', 'reasoning']
const openings = names.map((name) => `<${name}>`)

/**
 * Creates a filter for models that reason in the text, as DeepSeek R1 and Qwen do behind vLLM,
 * Ollama and LM Studio: it removes one leading block `<think>…</think>`, however it is split into
 * pieces, and the white space around it. Later tags are text. A model whose template has already
 * opened the block sends only `</think>`; its reasoning cannot be distinguished from an answer
 * while streaming.
 */
export function createThoughtFilter(): ThoughtFilter {
  let state: 'start' | 'thinking' | 'after' | 'answer' = 'start'
  let buffer = ''
  let closing = ''

  const step = (): string => {
    if (state === 'start') {
      const text = buffer.trimStart()
      const opening = openings.find((tag) => text.toLowerCase().startsWith(tag))
      if (opening === undefined) {
        // Still a prefix of a tag, or only white space.
        if (openings.some((tag) => tag.startsWith(text.toLowerCase()))) return ''
        state = 'answer'
      } else {
        state = 'thinking'
        closing = opening.replace('<', '</')
        buffer = text.slice(opening.length)
      }
    }
    if (state === 'thinking') {
      // Lower-casing the text would shift positions: some letters become two.
      const at = buffer.search(new RegExp(closing, 'i'))
      if (at === -1) {
        // Only a partial closing tag is held back.
        buffer = buffer.slice(-(closing.length - 1))
        return ''
      }
      buffer = buffer.slice(at + closing.length)
      state = 'after'
    }
    if (state === 'after') {
      buffer = buffer.trimStart()
      if (buffer === '') return ''
      state = 'answer'
    }
    const text = buffer
    buffer = ''
    return text
  }
  return {
    filter(piece) {
      buffer += piece
      return step()
    },
    end() {
      const text = state === 'start' || state === 'answer' ? buffer : ''
      buffer = ''
      return text
    },
  }
}
