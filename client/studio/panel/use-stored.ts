import { useCallback, useState } from 'react'

/**
 * Whether something is open, remembered by this browser. Where nothing may be kept it is remembered as long as the page lives.
 *
 * @param name - what is remembered, unique in the Studio
 */
export function useStoredFlag(name: string, fallback: boolean): readonly [boolean, (value: boolean) => void] {
  const [value, setValue] = useState(() => read(name) ?? fallback)
  const set = useCallback(
    (next: boolean) => {
      setValue(next)
      try {
        window.localStorage.setItem(keyOf(name), String(next))
      } catch {
        // Forbidden or full: the state above still has it.
      }
    },
    [name],
  )
  return [value, set]
}

const keyOf = (name: string): string => `tidings.open.${name}`

function read(name: string): boolean | null {
  try {
    const found = window.localStorage.getItem(keyOf(name))
    return found === null ? null : found === 'true'
  } catch {
    // Pages may forbid it.
    return null
  }
}
