import { builder } from '../kit/builder.ts'

/** `TaskKind`: the kinds that {@link defineTaskKinds} adds. */
export const taskKind = builder.enumType('TaskKind', {
  description: 'The kind of a task.',
  values: {} as Readonly<Record<string, { readonly description: string }>>,
})

/** Adds kinds to `TaskKind`. @param kinds - the description of each kind by its name */
export function defineTaskKinds(kinds: Readonly<Record<string, string>>): void {
  taskKind.updateConfig((config) => ({
    ...config,
    values: {
      ...config.values,
      ...Object.fromEntries(Object.entries(kinds).map(([kind, description]) => [kind, { value: kind, description }])),
    },
  }))
}
