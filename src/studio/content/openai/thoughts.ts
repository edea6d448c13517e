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
  let held = ''
  let closing = ''

  const step = (): string => {
    if (state === 'start') {
      const text = held.trimStart()
      const opening = openings.find((tag) => text.toLowerCase().startsWith(tag))
      if (opening === undefined) {
        // Still a prefix of a tag, or only white space.
        if (openings.some((tag) => tag.startsWith(text.toLowerCase()))) return ''
        state = 'answer'
      } else {
        state = 'thinking'
        closing = opening.replace('<', '</')
        held = text.slice(opening.length)
      }
    }
    if (state === 'thinking') {
      // Lower-casing the text would shift positions: some letters become two.
      const at = held.search(new RegExp(closing, 'i'))
      if (at === -1) {
        // Only a partial closing tag is held back.
        held = held.slice(-(closing.length - 1))
        return ''
      }
      held = held.slice(at + closing.length)
      state = 'after'
    }
    if (state === 'after') {
      held = held.trimStart()
      if (held === '') return ''
      state = 'answer'
    }
    const text = held
    held = ''
    return text
  }
  return {
    filter(piece) {
      held += piece
      return step()
    },
    end() {
      const text = state === 'start' || state === 'answer' ? held : ''
      held = ''
      return text
    },
  }
}
