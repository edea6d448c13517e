import { type GraphQLField, type GraphQLSchema, getNamedType, isInterfaceType, parse, validate } from 'graphql'
import { definedTopic } from '../../schema/topic/defined-topics.ts'
import { selectAll } from './selection.ts'
import { printFields } from './typescript.ts'

/** A subscription to a kind of topic. */
export interface TopicField {
  /** The name of the topic. */
  readonly topic: string
  readonly description: string | null | undefined
  /** The interface of its events. */
  readonly eventName: string
  /** Selects the position and all fields of every event. */
  readonly document: string
  /** The types of events in TypeScript. */
  readonly events: readonly { readonly name: string; readonly description: string | undefined; readonly type: string }[]
}

/**
 * Finds the subscriptions to the topics of a team.
 *
 * @throws TypeError when the events of a topic cannot be selected together
 */
export function findTopicFields(schema: GraphQLSchema): readonly TopicField[] {
  return Object.values(schema.getSubscriptionType()?.getFields() ?? {}).flatMap((field) => {
    const topic = field.extensions[definedTopic]
    return typeof topic === 'string' ? [readTopicField(topic, field, schema)] : []
  })
}

function readTopicField(
  topic: string,
  { name, description, type, args }: GraphQLField<unknown, unknown>,
  schema: GraphQLSchema,
): TopicField {
  const event = getNamedType(type)
  if (!isInterfaceType(event)) throw new TypeError(`The events of ${topic} are not of an interface`)
  const shared = Object.keys(event.getFields())
  const members = schema.getPossibleTypes(event).map((member) => ({
    name: member.name,
    description: member.description ?? undefined,
    fields: Object.values(member.getFields()).map((field) => ({ field, selected: selectAll(field.type, schema) })),
  }))
  const parts = members.flatMap((member) => {
    const own = member.fields.filter(({ field }) => !shared.includes(field.name))
    const texts = own.map(({ field, selected }) => `${field.name} ${selected.text}`.trim())
    return texts.length === 0 ? [] : [`    ... on ${member.name} { ${texts.join(' ')} }\n`]
  })
  const variables = args.map((argument) => `$${argument.name}: ${String(argument.type)}`)
  const document = `subscription ${name.charAt(0).toUpperCase()}${name.slice(1)}(${variables.join(', ')}) {
  ${name}(${args.map((argument) => `${argument.name}: $${argument.name}`).join(', ')}) {
    __typename
    ${shared.join('\n    ')}
${parts.join('')}  }
}
`
  const [problem] = validate(schema, parse(document))
  if (problem !== undefined)
    throw new TypeError(
      `The events of the topic ${topic} cannot be selected together; rename a field: ${problem.message}`,
    )
  const events = members.map((member) => ({
    name: member.name,
    description: member.description,
    type: printFields([
      { name: '__typename', type: `'${member.name}'` },
      ...member.fields.map(({ field, selected }) => ({
        name: field.name,
        description: field.description,
        deprecationReason: field.deprecationReason,
        type: selected.type,
      })),
    ]),
  }))
  return { topic, description, eventName: event.name, document, events }
}
