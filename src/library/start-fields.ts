import { type GraphQLInputType, type GraphQLObjectType, type GraphQLSchema, getNamedType, isUnionType } from 'graphql'
import type { StartExtensions } from '../../schema/task/defined-kinds.ts'

/** A mutation that starts tasks of a kind. */
export interface StartField extends StartExtensions {
  readonly name: string
  readonly description: string | null | undefined
  readonly inputType: GraphQLInputType
  /** The member of its result that has the task. */
  readonly success: GraphQLObjectType
  readonly failures: readonly GraphQLObjectType[]
}

/** Finds the mutations of a schema that start tasks, in the schema of Tidings and in one of a team that contains it. */
export function findStartFields(schema: GraphQLSchema): readonly StartField[] {
  const fields = Object.values(schema.getMutationType()?.getFields() ?? {})
  return fields.flatMap(({ name, description, args, type, extensions }) => {
    const { kind, result, errors } = extensions as Partial<StartExtensions>
    const [input] = args
    const answer = getNamedType(type)
    const members = isUnionType(answer) ? answer.getTypes() : []
    // Not the first one: a schema may be sorted.
    const success = members.find((member) => 'task' in member.getFields())
    if (kind === undefined || result === undefined || errors === undefined) return []
    if (input === undefined || success === undefined) return []
    const failures = members.filter((member) => member !== success)
    return [{ kind, result, errors, name, description, inputType: input.type, success, failures }]
  })
}
