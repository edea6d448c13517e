import { useCallback, useState } from 'react'
import { readLocal, writeLocal } from '../local.ts'

/**
 * Stores a flag in this browser. Where storage is forbidden, it lasts as long as the page.
 *
 * @param name - the name of the flag, unique in the Studio
 */
export function useStoredFlag(name: string, fallback: boolean): readonly [boolean, (value: boolean) => void] {
  const [value, setValue] = useState(() => read(name) ?? fallback)
  const set = useCallback(
    (next: boolean) => {
      setValue(next)
      writeLocal(keyOf(name), String(next))
    },
    [name],
  )
  return [value, set]
}

const keyOf = (name: string): string => `tidings.open.${name}`

function read(name: string): boolean | null {
  const text = readLocal(keyOf(name))
  return text === null ? null : text === 'true'
}
