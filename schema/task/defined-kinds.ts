import type { InputRef, ObjectRef } from '@pothos/core'
import type { z } from 'zod'
import type { JsonObject } from '../../src/db/tables.ts'
import type { FailureState, Task } from '../../src/tasks/model/task.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import { toInputValue } from '../definition/input-value.ts'
import { toPascalCase } from '../definition/names.ts'
import { type Field, type ObjectShape, readShape, type Shape } from '../definition/shape.ts'
import { createPothosTypes } from '../definition/to-pothos.ts'
import type { Types } from '../kit/builder.ts'
import type { Kit } from '../kit/kit.ts'
import { anyFailure } from '../kit/result.ts'
import type { TaskSource } from '../kit/task-ref.ts'
import type { ProgressTypes } from './progress.ts'
import { keyDescription, startTask } from './start-task.ts'
import { type TaskKinds, unknownKind } from './task-kind.ts'
import type { TaskResults } from './task-result.ts'

/** A kind of task with GraphQL types that follow from its zod schemas. */
export interface DefinedKind {
  readonly kind: string
  readonly description?: string | undefined
  readonly input: z.ZodType
  /** Without it, tasks of the kind have no result. */
  readonly result?: z.ZodType | undefined
  /** The details of each failure, by its code. */
  readonly errors?: Readonly<Record<string, z.ZodType>> | undefined
  /** Whether a viewer may start a task with an input; every viewer by default. */
  readonly authorize?: ((viewer: Viewer, input: never) => boolean | Promise<boolean>) | undefined
}

/** The extensions of a mutation that starts tasks of a kind, from which tools read the types that belong to the kind. */
export interface StartExtensions {
  readonly kind: string
  /** The name of the type of the result; null for a kind without one. */
  readonly result: string | null
  /** The names of the types of the details by code; null for an error without details. */
  readonly errors: Readonly<Record<string, string | null>>
}

/** The types that a kind has in common with all others. */
type CoreParts = Kit & ProgressTypes & TaskKinds & TaskResults

/**
 * Adds kinds of tasks to a schema. Of the kind `EXPORT_REPORT` follow the mutation `exportReport`, its `ExportReportInput` and
 * `ExportReportResult`; `ExportReportOutput`, a member of `TaskResult`; and for the error `QUOTA` the type `ExportReportQuotaError`, a
 * member of `TaskErrorDetails`.
 *
 * @param core - the types of the engine in the same schema
 * @throws UnsupportedSchemaError, NameCollisionError or TypeError, with the kind and the field, when the kinds do not fit GraphQL or
 * each other
 */
export function addDefinedKinds(core: CoreParts, definitions: readonly DefinedKind[]): void {
  const types = createPothosTypes(core.builder)
  const results: Member[] = []
  const details: Member[] = []
  for (const definition of definitions) {
    const { kind } = definition
    checkKind(kind, core.knownKinds)
    core.defineTaskKinds({ [kind]: definition.description })
    const prefix = toPascalCase(kind)
    const result = readOutput(definition.result, `${prefix}Output`, prefix, `result of ${kind}`)
    const errors: Record<string, string | null> = {}
    if (result !== null) results.push({ kind, key: kind, shape: result })
    core.defineResultOfKind(kind, result === null ? null : (types.output(result) as ObjectRef<Types, JsonObject>))
    for (const [code, schema] of Object.entries(definition.errors ?? {})) {
      const name = `${prefix}${toPascalCase(code)}`
      const shape = readOutput(schema, `${name}Error`, name, `error ${code} of ${kind}`)
      errors[code] = shape?.name ?? null
      if (shape !== null) details.push({ kind, key: keyOfDetails(kind, code), shape })
    }
    const { input, authorize } = definition
    if (authorize !== undefined)
      core.restrictStarts(kind, (viewer, value) => {
        const parsed = input.safeParse(value)
        // An input that does not fit is refused by the start, with all its problems.
        return !parsed.success || authorize(viewer, parsed.data as never)
      })
    addStart(core, types.input, { ...definition, starts: { kind, result: result?.name ?? null, errors } })
  }
  refuseClashes('results', results)
  refuseClashes('errors', details)
  if (details.length > 0)
    addErrorDetails(
      core,
      details.map(({ key, shape }) => ({ key, name: shape.name, ref: types.output(shape) })),
    )
}

interface Member {
  readonly kind: string
  readonly key: string
  readonly shape: ObjectShape
}

const keyOfDetails = (kind: string, code: string): string => `${kind} ${code}`

function checkKind(kind: string, known: ReadonlySet<string>): void {
  if (kind === unknownKind || known.has(kind))
    throw new TypeError(`The kind ${JSON.stringify(kind)} exists already: give one of the two definitions another name`)
}

function readOutput(schema: z.ZodType | undefined, name: string, prefix: string, subject: string): ObjectShape | null {
  return schema === undefined ? null : readShape(schema, { name, prefix, io: 'output', subject })
}

/** Adds the mutation that starts a task of a kind. */
function addStart(
  { builder, taskRef, defineResult, checkStart }: CoreParts,
  inputOf: (shape: ObjectShape) => InputRef<unknown>,
  { kind, description, input: schema, starts }: DefinedKind & { readonly starts: StartExtensions },
): void {
  const prefix = toPascalCase(kind)
  const name = `${prefix.charAt(0).toLowerCase()}${prefix.slice(1)}`
  const shape = readShape(schema, { name: `${prefix}Input`, prefix, io: 'input', subject: `input of ${kind}` })
  if (shape?.fields.some((field) => field.name === keyField.name) === true)
    throw new TypeError(
      `The input of ${kind} has a field "${keyField.name}", which every input has for itself: rename it`,
    )
  const success = builder.objectRef<TaskSource>(`${prefix}Success`).implement({
    description: 'The task was started.',
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task; follow it with `taskProgress`.',
        resolve: (source) => source,
      }),
    }),
  })
  const result = defineResult(success, anyFailure)
  const inputRef = inputOf({
    is: 'object',
    name: `${prefix}Input`,
    description: shape?.description,
    fields: [...(shape?.fields ?? []), keyField],
  }) as InputRef<Readonly<Record<string, unknown>>>
  builder.mutationField(name, (t) =>
    t.field({
      type: result.type,
      extensions: { ...starts },
      description: description ?? `Starts a task of the kind ${kind}.`,
      args: { input: t.arg({ type: inputRef, required: shape !== null, description: 'The input.' }) },
      resolve: (_, args, context) =>
        result.run(context, '', async (): Promise<{ readonly task: Task }> => {
          const given = (args.input ?? {}) as Readonly<Record<string, unknown>>
          const input = (shape === null ? {} : toInputValue(shape, given)) as JsonObject
          await checkStart(context, kind, input)
          const key = given[keyField.name]
          return { task: await startTask(context, kind, input, typeof key === 'string' ? key : null) }
        }),
    }),
  )
}

/** The field of the idempotency key in the input of every mutation that starts a task. */
const keyField: Field = {
  name: 'idempotencyKey',
  shape: { is: 'scalar', name: 'String' },
  isNullable: true,
  acceptsNull: true,
  description: keyDescription,
  deprecationReason: undefined,
  defaultValue: undefined,
}

/** Adds the union `TaskErrorDetails` and the field `TaskError.details`. */
function addErrorDetails(
  { builder, taskError }: Kit & ProgressTypes,
  members: readonly { readonly key: string; readonly name: string; readonly ref: unknown }[],
): void {
  const names = new Map(members.map(({ key, name }) => [key, name]))
  const union = builder.unionType('TaskErrorDetails', {
    description:
      'The details of a failure, with one type per error of a kind. New types may be added: keep a default branch.',
    types: members.map(({ ref }) => ref as ObjectRef<Types, { readonly __typename: string }>),
    resolveType: ({ __typename }) => __typename,
  })
  const readDetails = ({ code, details }: FailureState) => {
    const __typename = details === undefined ? undefined : names.get(keyOfDetails(details.kind, code))
    return __typename === undefined ? null : { ...details?.values, __typename }
  }
  builder.objectField(taskError, 'details', (t) =>
    t.field({
      type: union,
      nullable: true,
      description: 'The details that the kind of task declares for this code; otherwise null.',
      resolve: readDetails,
    }),
  )
}

/**
 * Refuses members of a union that have one field name with types that cannot be selected together, as a client could not write
 * `{ ... on A { pages } ... on B { pages } }`.
 */
function refuseClashes(subject: string, members: readonly Member[]): void {
  const seen = new Map<string, { readonly kind: string; readonly type: string }>()
  for (const { kind, shape } of members)
    for (const [path, type] of listTypes(shape, '', [])) {
      const other = seen.get(path)
      if (other === undefined) seen.set(path, { kind, type })
      else if (other.type !== type)
        throw new TypeError(
          `The ${subject} of ${other.kind} and ${kind} have the field "${path}" with different types, ${other.type} and ${type}: a client cannot select both; rename one of them`,
        )
    }
}

/** Lists the types of all fields with the paths to them. The names of objects do not matter, only their fields. */
function listTypes(shape: ObjectShape, path: string, outer: readonly Shape[]): readonly (readonly [string, string])[] {
  if (outer.includes(shape)) return []
  return shape.fields.flatMap(({ name, shape: type, isNullable }) => {
    const own = path === '' ? name : `${path}.${name}`
    const inner = innermost(type)
    const objects =
      inner.is === 'object' ? [inner] : inner.is === 'union' ? inner.members.map(({ object }) => object) : []
    return [
      [own, describeType(type, isNullable)] as const,
      ...objects.flatMap((object) => listTypes(object, own, [...outer, shape])),
    ]
  })
}

function innermost(shape: Shape): Shape {
  return shape.is === 'list' ? innermost(shape.of) : shape
}

function describeType(shape: Shape, isNullable: boolean): string {
  const end = isNullable ? '' : '!'
  if (shape.is === 'list') return `[${describeType(shape.of, shape.isItemNullable)}]${end}`
  return `${shape.is === 'scalar' || shape.is === 'enum' ? shape.name : 'an object'}${end}`
}
