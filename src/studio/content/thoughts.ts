/** Leaves the thoughts of a model out of its answer. */
export interface ThoughtFilter {
  /** Takes a piece of the answer and returns what of it, and of what was held back, is to be shown. */
  filter(piece: string): string
  /** Returns what was held back when the answer has ended: the start of a tag that never came. */
  end(): string
}

const names = ['think', 'thinking', 'thought', 'reasoning']
const openings = names.map((name) => `<${name}>`)

/**
 * Creates a filter for models that think in the text, as DeepSeek R1 and Qwen do behind vLLM, Ollama and LM Studio: it leaves out one
 * leading block `<think>…</think>`, in whatever pieces it comes, and the white space around it. Tags later in the answer are text.
 *
 * A model whose template has begun the block already sends only `</think>`; its thoughts cannot be told from an answer while they stream.
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
        // Still the start of a tag, or nothing but white space.
        if (openings.some((tag) => tag.startsWith(text.toLowerCase()))) return ''
        state = 'answer'
      } else {
        state = 'thinking'
        closing = opening.replace('<', '</')
        held = text.slice(opening.length)
      }
    }
    if (state === 'thinking') {
      const at = held.toLowerCase().indexOf(closing)
      if (at === -1) {
        // Only a tag that has begun is kept.
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
