import { useCallback, useState } from 'react'
import { readLocal, writeLocal } from '../local.ts'

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
      writeLocal(keyOf(name), String(next))
    },
    [name],
  )
  return [value, set]
}

const keyOf = (name: string): string => `tidings.open.${name}`

function read(name: string): boolean | null {
  const found = readLocal(keyOf(name))
  return found === null ? null : found === 'true'
}
