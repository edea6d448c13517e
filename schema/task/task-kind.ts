import { TidingsError } from '../../src/errors.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import { requireViewer } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'
import type { Kit } from '../kit/kit.ts'

/** The value of `TaskKind` for a stored kind that this version does not have. */
export const unknownKind = 'UNKNOWN'

/** Whether a viewer may start a task with an input, which may not fit the kind: then the start is refused for that. */
export type AuthorizeStart = (viewer: Viewer, input: unknown) => boolean | Promise<boolean>

/** Adds `TaskKind`, and returns the functions that add and read its values. */
export function addTaskKinds({ builder }: Kit) {
  const known = new Set<string>()
  const authorizations = new Map<string, AuthorizeStart>()
  const taskKind = builder.enumType('TaskKind', {
    description: 'The kind of a task. New kinds may be added: keep a default branch.',
    values: {
      [unknownKind]: {
        value: unknownKind,
        description:
          'A kind that this version of the server does not have, such as one that was removed: see `Task.kindName`.',
      },
    } as Readonly<Record<string, { readonly value: string; readonly description?: string }>>,
  })
  return {
    taskKind,
    /** Adds kinds to `TaskKind`. @param kinds - the description of each kind by its name */
    defineTaskKinds(kinds: Readonly<Record<string, string | undefined>>): void {
      for (const kind of Object.keys(kinds)) known.add(kind)
      taskKind.updateConfig((config) => ({
        ...config,
        values: {
          ...config.values,
          ...Object.fromEntries(
            Object.entries(kinds).map(([kind, description]) => [
              kind,
              { value: kind, ...(description === undefined ? {} : { description }) },
            ]),
          ),
        },
      }))
    },
    /** Restricts starts and retries of a kind to some viewers. */
    restrictStarts(kind: string, authorize: AuthorizeStart): void {
      authorizations.set(kind, authorize)
    },
    /** @throws TidingsError `FORBIDDEN` when the viewer may not start a task of a kind with an input; `UNAUTHENTICATED` */
    async checkStart(context: Context, kind: string, input: unknown): Promise<void> {
      const viewer = requireViewer(context)
      const isAllowed =
        ((await authorizations.get(kind)?.(viewer, input)) ?? true) && ((await context.mayStart?.(kind, input)) ?? true)
      if (!isAllowed) throw new TidingsError('FORBIDDEN', `You may not start this task (${kind})`)
    },
    /** Returns the value of `TaskKind` for a stored kind. */
    kindOf: (kind: string): string => (known.has(kind) ? kind : unknownKind),
    /** The kinds of this version. */
    knownKinds: known as ReadonlySet<string>,
  }
}

/** The type and the functions that {@link addTaskKinds} returns. */
export type TaskKinds = ReturnType<typeof addTaskKinds>
